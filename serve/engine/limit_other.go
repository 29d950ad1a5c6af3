//go:build !linux

package engine

import "math"

// memoryLimit is not known here: models may need whatever there is.
func memoryLimit() int64 { return math.MaxInt64 }
