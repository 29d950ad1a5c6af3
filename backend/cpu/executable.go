package cpu

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/backend/cpu/pool"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/cost"
	"github.com/gradus-ml/gradus/pass"
	"github.com/gradus-ml/gradus/tensor"
)

// executable is a planned graph. Binding turns steps into phases over fixed
// memory; it happens on the first run and when memory has moved.
type executable struct {
	b       *Backend
	l       *lowering
	inputs  []ir.Type
	size    int // bytes of the arena, arguments included
	argAt   []int
	outputs []ref
	outType []ir.Type
	flops   int64

	gen  int64 // of the arena that phases are bound to
	vars []backend.Buffer
	mem  *memory
	work []bound // without packing
	warm []bound // and without what is kept
	kept keeper
	news []*buffer // variables that a run changes
}

// bound is a phase, or a loop, of a step.
type bound struct {
	kernel.Phase
	loop func() error
	step int
}

// Compile lowers a graph.
func (b *Backend) Compile(g *ir.Graph) (backend.Executable, error) { return b.compile(g, false) }

func (b *Backend) compile(g *ir.Graph, checked bool) (backend.Executable, error) {
	if err := g.Err(); err != nil {
		return nil, err
	}
	x := &executable{b: b, flops: cost.Flops(g)}
	for _, v := range g.Inputs() {
		x.inputs = append(x.inputs, v.Type())
	}
	g, err := b.legalise(g)
	if err != nil {
		return nil, err
	}
	var fixed []bool
	if !checked {
		fixed = fixedNodes(g)
	}
	x.l = b.lower(g, checked, fixed)
	for _, v := range g.Outputs() {
		x.outputs = append(x.outputs, x.l.read(v))
		x.outType = append(x.outType, v.Type())
	}
	x.size = x.l.placeSlots()
	for _, v := range g.Inputs() {
		if v.Node().Op().(ir.Input).Kind == ir.Arg {
			x.argAt = append(x.argAt, x.size)
			x.size += align(v.Type().SizeBytes())
		}
	}
	return x, nil
}

// legalise brings a graph in the form that lowering takes: tables multiplied in
// place of the rows that are taken from them where they are small, floats of 16 bits
// only where there are kernels for them, images with channels last, composites
// without a kernel expanded, products canonical, casts of what they pack in them.
func (b *Backend) legalise(g *ir.Graph) (*ir.Graph, error) {
	for _, p := range []func(*ir.Graph) (*ir.Graph, error){
		pass.Sink, pass.Simplify, pass.Tables, widenHalves, channelsLast, b.expand, pass.Sink, canonicalDots, pass.Simplify, pass.Prune, packHalves,
	} {
		var err error
		if g, err = p(g); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (b *Backend) expand(g *ir.Graph) (*ir.Graph, error) {
	return ir.Expand(g, b.keeps)
}

// Stats tells what the plan needs.
func (x *executable) Stats() backend.Stats {
	packed := 0
	for _, p := range x.l.packs {
		packed += align(p.bytes)
	}
	return backend.Stats{Steps: len(x.l.steps) + x.l.inner, ArenaBytes: int64(x.size), KeptBytes: int64(x.l.kept), PackedBytes: int64(packed), Flops: x.flops, Interpreted: x.l.fallback}
}

// bind fixes all memory. It is skipped while nothing has moved.
func (x *executable) bind(vars []backend.Buffer) error {
	if err := x.b.arena.ensure(x.size); err != nil {
		return fmt.Errorf("cpu: %d bytes for intermediate values: %w", x.size, err)
	}
	if x.mem != nil && x.gen == x.b.arena.gen && same(x.vars, vars) {
		return nil
	}
	m := &memory{slots: x.l.slots}
	if x.b.arena.m != nil {
		m.arena = x.b.arena.m.Bytes
	}
	for _, v := range vars {
		buf, ok := v.(*buffer)
		if !ok {
			return errors.New("cpu: a variable lives in another backend")
		}
		m.vars = append(m.vars, buf.mem)
	}
	k := 0
	for i, v := range x.l.g.Inputs() {
		if v.Node().Op().(ir.Input).Kind == ir.Arg {
			n := x.inputs[i].SizeBytes()
			m.args = append(m.args, m.arena[x.argAt[k]:x.argAt[k]+n:x.argAt[k]+n])
			k++
		}
	}
	if x.l.kept > 0 {
		if err := x.kept.bind(x, vars); err != nil {
			return err
		}
		m.kept = x.kept.m.Bytes
	}
	var err error
	if m.packs, err = x.l.bindPacks(vars); err != nil {
		return err
	}
	x.work, x.warm, x.news = nil, nil, nil
	for _, w := range x.l.bindSteps(m) {
		s := &x.l.steps[w.step]
		if s.pack > 0 {
			p := &m.packs[s.pack-1]
			p.work = append(p.work, w)
			continue
		}
		x.work = append(x.work, w)
		if !s.kept {
			x.warm = append(x.warm, w)
		}
	}
	for _, u := range x.l.g.Updates() {
		x.news = append(x.news, vars[x.l.slots[x.l.refs[u.Variable]].index].(*buffer))
	}
	x.mem, x.gen = m, x.b.arena.gen
	x.vars = append(x.vars[:0], vars...)
	return nil
}

// bindSteps binds steps to memory.
func (l *lowering) bindSteps(m *memory) (work []bound) {
	for i, s := range l.steps {
		if s.loop != nil {
			work = append(work, bound{loop: s.loop(m), step: i})
			continue
		}
		for _, p := range s.bind(m) {
			if p.Chunks > 0 {
				work = append(work, bound{Phase: p, step: i})
			}
		}
	}
	return work
}

func same(a, b []backend.Buffer) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Run runs the graph once.
func (x *executable) Run(vars []backend.Buffer, args, outs []*tensor.Tensor) error {
	return x.run(vars, args, outs, nil)
}

// run runs the graph once; after, if not nil, is called when a unit is done. A
// checked executable calls what looks at its values instead.
func (x *executable) run(vars []backend.Buffer, args, outs []*tensor.Tensor, after func(unit int) error) error {
	if err := x.bind(vars); err != nil {
		return err
	}
	for i, a := range args {
		copy(x.mem.args[i], a.Bytes())
	}
	if x.l.checked {
		look := &inspector{x.l, x.mem}
		if err := look.checkInputs(); err != nil {
			return err
		}
		after = look.after()
	}
	for i := range x.mem.packs {
		if err := x.mem.packs[i].refresh(x.l); err != nil {
			return err
		}
	}
	work := x.work
	if x.kept.fresh(x.b) {
		work = x.warm
	}
	if err := x.l.runSteps(work, after); err != nil {
		return err
	}
	x.kept.made = true
	for i, r := range x.outputs {
		copy(outs[i].Bytes(), x.mem.bytes(r))
	}
	x.mem.copyBack(x.l.copies)
	for _, v := range x.news {
		v.changed()
	}
	return nil
}

// runSteps runs bound steps one after another.
func (l *lowering) runSteps(work []bound, after func(unit int) error) error {
	for i := range work {
		w := &work[i]
		var err error
		if w.loop != nil {
			err = w.loop()
		} else {
			err = l.b.pool.Run(w.Chunks, w.Run)
		}
		if err != nil {
			return failed(&l.steps[w.step], err)
		}
		if after == nil {
			continue
		}
		unit := l.steps[w.step].unit
		if unit < len(l.units) && (i+1 == len(work) || l.steps[work[i+1].step].unit != unit) {
			if err := after(unit); err != nil {
				return err
			}
		}
	}
	return nil
}

// failed names the step that a panic came from: the innermost, where it came
// from a loop.
func failed(s *step, err error) error {
	var inner *stepError
	var anomaly *backend.NonFinite
	if errors.As(err, &inner) || errors.As(err, &anomaly) {
		return err
	}
	return &stepError{s, err}
}

// A stepError is what went wrong in a step.
type stepError struct {
	s   *step
	err error
}

func (e *stepError) Unwrap() error { return e.err }

func (e *stepError) Error() string {
	s, err := e.s, e.err
	var p *pool.Panic
	if errors.As(err, &p) && s.node != nil {
		return fmt.Sprintf("cpu: %s at %s (%s): %v", s.name, s.node.Path(), s.node.Site(), err)
	}
	return fmt.Sprintf("cpu: %s: %v", s.name, err)
}

// isF32 reports whether every operand and result of a node is float32.
func isF32(n *ir.Node) bool {
	for _, v := range n.In() {
		if v.DType() != dtype.Float32 {
			return false
		}
	}
	for _, v := range n.Outs() {
		if v.DType() != dtype.Float32 {
			return false
		}
	}
	return true
}
