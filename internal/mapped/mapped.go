// Package mapped has memory outside the Go heap: the garbage collector neither
// walks it nor sizes its heap by it, and what is freed goes back to the system.
package mapped

// Memory is zero at first, and aligned to a cache line.
type Memory struct{ Bytes []byte }

// New maps memory of the given size.
func New(size int) (*Memory, error) {
	if size == 0 {
		return &Memory{}, nil
	}
	mem, err := mapMemory(size)
	return &Memory{mem}, err
}

// Free gives the memory back. Nothing may use it any more.
func (m *Memory) Free() {
	if len(m.Bytes) > 0 {
		unmap(m.Bytes)
		m.Bytes = nil
	}
}
