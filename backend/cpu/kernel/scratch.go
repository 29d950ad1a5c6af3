package kernel

import "unsafe"

// alignment is the number of floats in a cache line.
const alignment = 16

// align returns s from its first element at the start of a cache line.
// Scratch sizes include alignment floats for it.
func align(s []float32) []float32 {
	if len(s) < alignment {
		return s
	}
	off := uintptr(unsafe.Pointer(unsafe.SliceData(s))) / floatBytes % alignment
	return s[(alignment-off)%alignment:]
}
