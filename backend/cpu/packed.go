package cpu

import (
	"fmt"
	"sync"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/internal/mapped"
	"github.com/gradus-ml/gradus/ir"
)

// A variable that products and convolutions read in a packed form is packed once
// for all executables that read it in that form: those of other batch sizes, and
// those of other backends that share the variable. The form depends on neither.

// A packedWeight is a variable's value in the form that a kernel reads. It belongs
// to the backend that the variable lives in.
type packedWeight struct {
	buf *buffer
	mem []byte

	mu      sync.Mutex
	made    bool
	changes int64 // of the variable when it was packed
}

// packs are the packed variables of a backend.
type packs struct {
	mu      sync.Mutex
	list    map[packKey]*packedWeight
	regions []*mapped.Memory
}

type packKey struct {
	buf    *buffer
	layout kernel.PackLayout
}

// find returns packed variables; those that are new lie next to each other.
func (p *packs) find(keys []packKey, bytes []int) ([]packing, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	total := 0
	for i, k := range keys {
		if p.list[k] == nil {
			total += align(bytes[i])
		}
	}
	m, err := mapped.New(total)
	if err != nil {
		return nil, fmt.Errorf("cpu: %d bytes for packed weights: %w", total, err)
	}
	if total > 0 {
		p.regions = append(p.regions, m)
	}
	if p.list == nil {
		p.list = map[packKey]*packedWeight{}
	}
	list := make([]packing, len(keys))
	at := 0
	for i, k := range keys {
		w := p.list[k]
		if w == nil {
			w = &packedWeight{buf: k.buf, mem: m.Bytes[at : at+bytes[i] : at+bytes[i]]}
			p.list[k] = w
			at += align(bytes[i])
		}
		list[i].packedWeight = w
	}
	return list, nil
}

// bytes is the memory of all.
func (p *packs) bytes() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.regions {
		n += len(m.Bytes)
	}
	return n
}

func (p *packs) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.regions {
		m.Free()
	}
	p.list, p.regions = nil, nil
}

// A pack is a packed variable that a lowering asks for.
type pack struct {
	variable int // among the variables
	layout   kernel.PackLayout
	bytes    int
}

// packVariable declares memory for v in a packed form, if v is a variable that the
// graph does not change; ok is false otherwise.
func (l *lowering) packVariable(v *ir.Value, layout kernel.PackLayout, bytes int) (r ref, ok bool) {
	s := l.slots[l.refs[v]]
	if _, input := v.Node().Op().(ir.Input); !input || s.place != inVariable || !l.isFixed(v) {
		return 0, false
	}
	for i, p := range l.packs {
		if p.variable == s.index && p.layout == layout {
			return l.slot(slot{typ: v.Type(), bytes: bytes, place: inPacked, index: i}), true
		}
	}
	l.packs = append(l.packs, pack{s.index, layout, bytes})
	return l.slot(slot{typ: v.Type(), bytes: bytes, place: inPacked, index: len(l.packs) - 1}), true
}

// bindPacks finds the packed variables of an executable.
func (l *lowering) bindPacks(vars []backend.Buffer) ([]packing, error) {
	if len(l.packs) == 0 {
		return nil, nil
	}
	var keys []packKey
	var bytes []int
	for _, p := range l.packs {
		keys, bytes = append(keys, packKey{vars[p.variable].(*buffer), p.layout}), append(bytes, p.bytes)
	}
	return keys[0].buf.b.packs.find(keys, bytes)
}

// A packing is a packed variable of a bound executable and the work that makes
// it.
type packing struct {
	*packedWeight
	work []bound
}

// refresh packs the variable if it has changed since that was done.
func (p *packing) refresh(l *lowering) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made && p.changes == p.buf.changes {
		return nil
	}
	p.made = false
	if err := l.runSteps(p.work, nil); err != nil {
		return err
	}
	p.made, p.changes = true, p.buf.changes
	return nil
}
