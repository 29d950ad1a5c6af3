//go:build !unix

package mapped

import "unsafe"

const lineSize = 64

// mapMemory takes the memory from the Go heap, aligned to a cache line.
func mapMemory(size int) ([]byte, error) {
	mem := make([]byte, size+lineSize)
	at := -uintptr(unsafe.Pointer(unsafe.SliceData(mem))) & (lineSize - 1)
	return mem[at : int(at)+size : int(at)+size], nil
}

func unmap([]byte) {}
