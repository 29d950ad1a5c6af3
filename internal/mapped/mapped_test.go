package mapped

import (
	"testing"
	"unsafe"
)

// Memory is zero and aligned, whatever its size; freeing it twice is harmless.
func TestMemory(t *testing.T) {
	for _, size := range []int{0, 1, 63, 4096, 3 << 20} {
		m, err := New(size)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Bytes) != size {
			t.Fatalf("%d bytes, want %d", len(m.Bytes), size)
		}
		if at := uintptr(unsafe.Pointer(unsafe.SliceData(m.Bytes))); size > 0 && at%64 != 0 {
			t.Errorf("memory of %d bytes lies at %#x", size, at)
		}
		for i, b := range m.Bytes {
			if b != 0 {
				t.Fatalf("byte %d is %d", i, b)
			}
			m.Bytes[i] = 1
		}
		m.Free()
		m.Free()
	}
}
