package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
)

// A nest is the plan of a body inside the plan of what is around it. Its
// intermediate values lie in a part of the arena that is its own for a run of
// the op. Parameters are memory of the plan around it, where that is possible:
// a captured value is read where it lies.
//
// Each result is the new value of a variable of the nest: that of a carry, which
// is updated in place like the weights of a model, or one that nobody reads.
type nest struct {
	l      *lowering
	room   ref   // of the plan around it
	result []ref // of the nest: where result i is when the steps have run
	// What brings results into their variables: those of carries, and others.
	carried, made []copyBack
}

// nest lowers a body. The first carries results are the new values of the
// parameters from first on.
func (l *lowering) nest(body *ir.Body, first, carries int) *nest {
	g := ir.NewGraph()
	var in, variables []*ir.Value
	for i, v := range body.Graph().Inputs() {
		kind := ir.Arg
		if i >= first && i < first+carries {
			kind = ir.Variable
		}
		in = append(in, g.Input(kind, v.Node().Op().(ir.Input).Label, v.Type()))
	}
	variables = append(variables, in[first:first+carries]...)
	out := body.Build(g, in)
	for _, v := range out[carries:] {
		variables = append(variables, g.Input(ir.Variable, "", v.Type()))
	}
	for i, v := range out {
		g.Update(variables[i], v)
	}
	n := &nest{l: l.b.lower(g, l.checked, nil)}
	n.room = l.bytes(n.l.placeSlots())
	at := map[ref]ref{} // variables that are written at the end
	for _, c := range n.l.copies {
		at[c.dst] = c.src
	}
	for i, v := range variables {
		r := n.l.refs[v]
		src, ok := at[r]
		switch {
		case !ok:
			src = r
		case i < carries:
			n.carried = append(n.carried, copyBack{r, src})
		default:
			n.made = append(n.made, copyBack{r, src})
		}
		n.result = append(n.result, src)
	}
	l.inner += len(n.l.steps) + n.l.inner
	l.fallback = append(l.fallback, n.l.fallback...)
	return n
}

// bytes declares memory for this unit alone.
func (l *lowering) bytes(n int) ref {
	return l.slot(slot{bytes: n, first: l.unit, last: l.unit})
}

// A nestRun is a nest bound to memory.
type nestRun struct {
	*nest
	m     *memory
	work  []bound
	after func(unit int) error
}

// bind fixes the memory of a nest: args are its parameters but for carries,
// vars its variables, carries first.
func (n *nest) bind(m *memory, args, vars [][]byte) *nestRun {
	r := &nestRun{nest: n, m: &memory{slots: n.l.slots, arena: m.bytes(n.room), args: args, vars: vars}}
	r.work = n.l.bindSteps(r.m)
	r.after = (&inspector{n.l, r.m}).after()
	return r
}

// steps runs the steps. Results are then where result says.
func (r *nestRun) steps() error { return r.l.runSteps(r.work, r.after) }

// advance gives carries their new values, settle the other variables.
func (r *nestRun) advance() { r.m.copyBack(r.carried) }
func (r *nestRun) settle()  { r.m.copyBack(r.made) }

func (m *memory) copyBack(list []copyBack) {
	for _, c := range list {
		copy(m.bytes(c.dst), m.bytes(c.src))
	}
}

// A slider copies slices of stacked values from and to where a nest has them:
// slice t in iteration t.
type slider struct {
	moves []move
	phase kernel.Phase
	t     int
}

// A move copies n bytes; in iteration t both ends are t times their step on.
type move struct {
	dst, src         []byte
	dstStep, srcStep int
	n                int
}

const (
	// slideBytes is what one chunk copies at most, and slideSerial what is not
	// worth to be cut.
	slideBytes  = 1 << 16
	slideSerial = 1 << 17
)

// in copies slice t of src to dst.
func (s *slider) in(dst, src []byte) {
	s.add(move{dst: dst, src: src, srcStep: len(dst), n: len(dst)})
}

// out copies src to slice t of dst.
func (s *slider) out(dst, src []byte) {
	s.add(move{dst: dst, src: src, dstStep: len(src), n: len(src)})
}

func (s *slider) add(m move) {
	for m.n > slideBytes {
		part := m
		part.n = slideBytes
		s.moves = append(s.moves, part)
		m.dst, m.src, m.n = m.dst[slideBytes:], m.src[slideBytes:], m.n-slideBytes
	}
	if m.n > 0 {
		s.moves = append(s.moves, m)
	}
}

// bind makes the phase.
func (s *slider) bind() {
	total := 0
	for _, m := range s.moves {
		total += m.n
	}
	s.phase = kernel.Phase{Chunks: len(s.moves), Run: func(_, i int) { s.moves[i].do(s.t) }}
	if total <= slideSerial {
		s.phase = kernel.Phase{Chunks: 1, Run: func(_, _ int) {
			for _, m := range s.moves {
				m.do(s.t)
			}
		}}
	}
	if len(s.moves) == 0 {
		s.phase.Chunks = 0
	}
}

func (m *move) do(t int) {
	copy(m.dst[t*m.dstStep:t*m.dstStep+m.n], m.src[t*m.srcStep:t*m.srcStep+m.n])
}

// slide runs a slider for iteration t.
func (l *lowering) slide(s *slider, t int) error {
	if s.phase.Chunks == 0 {
		return nil
	}
	s.t = t
	return l.b.pool.Run(s.phase.Chunks, s.phase.Run)
}

// carry gives the first results of n, the last values of carries, memory in
// which a loop keeps them all the time: that of the initial values if nobody
// else reads it.
func (l *lowering) carry(n *ir.Node, carries int) (init, carry []ref) {
	times := map[ref]int{}
	for _, v := range n.In() {
		times[l.read(v)]++
	}
	for _, v := range n.In()[:carries] {
		init = append(init, l.read(v))
	}
	for i, r := range init {
		carry = append(carry, l.writeOver(n.Out(i), map[ref]bool{r: times[r] == 1}))
	}
	return init, carry
}

// resultRoom is memory for result i of n if somebody reads it.
func (l *lowering) resultRoom(n *ir.Node, i int) (r ref, wanted bool) {
	if len(l.readIn[n.Out(i)]) == 0 {
		return 0, false
	}
	return l.write(n.Out(i)), true
}

// many is the memory of several slots.
func (m *memory) many(rs []ref) [][]byte {
	out := make([][]byte, len(rs))
	for i, r := range rs {
		out[i] = m.bytes(r)
	}
	return out
}
