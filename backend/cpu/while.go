package cpu

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// lowerWhile runs condition and body in a loop on the caller. Carries stay
// where the op's results are to be.
func lowerWhile(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.WhileOp)
	c, x := op.Carries, op.Carries+op.CondCaptures
	init, carry := l.carry(n, c)
	iteration, holds := l.bytes(8), l.bytes(1)
	condCaptured, captured := l.readAll(n.In()[c:x]), l.readAll(n.In()[x:])
	cond, body := l.nest(op.Cond, 0, 0), l.nest(op.Body, 1, c)
	l.loop(n, func(m *memory) func() error {
		number := [][]byte{m.bytes(iteration)}
		carries := m.many(carry)
		check := cond.bind(m, slicesOf(number, carries, m.many(condCaptured)), [][]byte{m.bytes(holds)})
		run := body.bind(m, slicesOf(number, m.many(captured)), carries)
		first, k, goOn := m.copies(carry, init), view[uint64](number[0]), check.m.bytes(cond.result[0])
		return func() error {
			first()
			for k[0] = 0; ; k[0]++ {
				if err := check.steps(); err != nil {
					return err
				}
				if goOn[0] == 0 {
					return nil
				}
				if err := run.steps(); err != nil {
					return err
				}
				run.advance()
			}
		}
	})
}

// readAll is read for several values.
func (l *lowering) readAll(vs []*ir.Value) []ref {
	rs := make([]ref, len(vs))
	for i, v := range vs {
		rs[i] = l.read(v)
	}
	return rs
}

// slicesOf joins lists of memory.
func slicesOf(lists ...[][]byte) (all [][]byte) {
	for _, s := range lists {
		all = append(all, s...)
	}
	return all
}
