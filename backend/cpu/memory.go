package cpu

// arena is the memory for intermediate values that all executables of a
// backend share. It only grows; growing moves it, and executables that were
// bound to the old place notice by the generation.
type arena struct {
	m   *mapping
	gen int64
}

// ensure makes room for size bytes.
func (a *arena) ensure(size int) error {
	if a.m != nil && len(a.m.mem) >= size {
		return nil
	}
	m, err := newMapping(size)
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
		a.m.free()
		a.m = nil
	}
}

// mapping is memory outside the Go heap, zero at first, aligned to a page.
type mapping struct{ mem []byte }

func (m *mapping) free() {
	if len(m.mem) > 0 {
		unmap(m.mem)
		m.mem = nil
	}
}

func newMapping(size int) (*mapping, error) {
	if size == 0 {
		return &mapping{}, nil
	}
	mem, err := mapMemory(size)
	return &mapping{mem: mem}, err
}
