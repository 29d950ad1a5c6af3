//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

// cellWords is what the assembly sees of a cellRow.
type cellWords = [17]uint64

const _ = uint(unsafe.Sizeof(cellWords{})-unsafe.Sizeof(cellRow{})) + uint(unsafe.Sizeof(cellRow{})-unsafe.Sizeof(cellWords{}))
