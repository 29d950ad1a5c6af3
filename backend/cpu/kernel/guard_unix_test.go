//go:build unix

package kernel

import (
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns n zeros that end at an unmapped page, or with atStart begin
// behind one: touching a neighbour is a fault.
func fenced[T any](t testing.TB, n int, atStart bool) []T {
	t.Helper()
	var zero T
	page := syscall.Getpagesize()
	size := (n*int(unsafe.Sizeof(zero)) + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(mem) })
	for _, fence := range [][]byte{mem[:page], mem[page+size:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	start := page
	if !atStart {
		start += size - n*int(unsafe.Sizeof(zero))
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem[start:]))), n)
}
