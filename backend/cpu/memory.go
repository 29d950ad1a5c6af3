package cpu

import "github.com/gradus-ml/gradus/internal/mapped"

// arena is the memory for intermediate values that all executables of a
// backend share. It only grows; growing moves it, and executables that were
// bound to the old place notice by the generation.
type arena struct {
	m   *mapped.Memory
	gen int64
}

// ensure makes room for size bytes.
func (a *arena) ensure(size int) error {
	if a.m != nil && len(a.m.Bytes) >= size {
		return nil
	}
	m, err := mapped.New(size)
	if err != nil {
		return err
	}
	a.free()
	a.m = m
	a.gen++
	return nil
}

func (a *arena) free() {
	if a.m != nil {
		a.m.Free()
		a.m = nil
	}
}
