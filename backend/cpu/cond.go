package cpu

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// lowerCond runs one branch. Both make their results in the memory of the op's.
func lowerCond(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.CondOp)
	no := 1 + op.YesCaptures
	pred := l.read(n.In()[0])
	captured := [2][]ref{l.readAll(n.In()[no:]), l.readAll(n.In()[1:no])}
	var out []ref
	for i, v := range n.Outs() {
		r, wanted := l.resultRoom(n, i)
		if !wanted {
			r = l.bytes(v.Type().SizeBytes())
		}
		out = append(out, r)
	}
	branches := [2]*nest{l.nest(op.No, 0, 0), l.nest(op.Yes, 0, 0)}
	l.loop(n, func(m *memory) func() error {
		var runs [2]*nestRun
		for i, b := range branches {
			runs[i] = b.bind(m, m.many(captured[i]), m.many(out))
		}
		is := m.bytes(pred)
		return func() error {
			run := runs[0]
			if is[0] != 0 {
				run = runs[1]
			}
			if err := run.steps(); err != nil {
				return err
			}
			run.settle()
			return nil
		}
	})
}
