package cpu

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// lowerScan runs the body in a loop on the caller. Carries stay where the op's
// results are to be; slices of inputs and results are copied, for steps are
// bound to fixed memory.
func lowerScan(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.ScanOp)
	c, x := op.Carries, op.Carries+op.Xs
	init, carry := l.carry(n, c)
	in, captured := l.readAll(n.In()[c:x]), l.readAll(n.In()[x:])
	var slices []ref // where the body finds a slice of each input
	for _, t := range op.Body.In()[1+c : 1+x] {
		slices = append(slices, l.bytes(t.SizeBytes()))
	}
	iteration := l.bytes(8)
	body := l.nest(op.Body, 1, c)

	type stacked struct{ to, number ref }
	var ys, history []stacked
	var made []ref // where the body makes the slices of ys
	results := op.Body.Out()
	for i, t := range results[c:] {
		made = append(made, l.bytes(t.SizeBytes()))
		if r, ok := l.resultRoom(n, c+i); ok {
			ys = append(ys, stacked{r, ref(c + i)})
		}
	}
	for i := range c {
		if r, ok := l.resultRoom(n, len(results)+i); ok {
			history = append(history, stacked{r, ref(i)})
		}
	}

	l.loop(n, func(m *memory) func() error {
		args := slicesOf([][]byte{m.bytes(iteration)}, m.many(slices), m.many(captured))
		run := body.bind(m, args, slicesOf(m.many(carry), m.many(made)))
		var before, after slider
		for i, r := range slices {
			before.in(m.bytes(r), m.bytes(in[i]))
		}
		for _, h := range history {
			before.out(m.bytes(h.to), m.bytes(carry[h.number]))
		}
		for _, y := range ys {
			after.out(m.bytes(y.to), run.m.bytes(body.result[y.number]))
		}
		before.bind()
		after.bind()
		first, number := m.copies(carry, init), view[uint64](m.bytes(iteration))
		return func() error {
			first()
			for k := range op.Length {
				t := k
				if op.Reverse {
					t = op.Length - 1 - k
				}
				number[0] = uint64(t)
				if err := l.slide(&before, t); err != nil {
					return err
				}
				if err := run.steps(); err != nil {
					return err
				}
				if err := l.slide(&after, t); err != nil {
					return err
				}
				run.advance()
			}
			return nil
		}
	})
}

// copies returns what copies src to dst, slot by slot.
func (m *memory) copies(dst, src []ref) func() {
	d, s := m.many(dst), m.many(src)
	return func() {
		for i := range d {
			if dst[i] != src[i] {
				copy(d[i], s[i])
			}
		}
	}
}
