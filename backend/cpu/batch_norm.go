package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

func lowerBatchNorm(l *Lowering, n *ir.Node) { l.batchNorm(n, l.write(n.Out(0)), nil) }

// batchNorm lowers a batch norm into y, with an epilogue or nil.
func (l *lowering) batchNorm(n *ir.Node, y ref, after epilogue) {
	op := n.Op().(ops.BatchNormOp)
	x := n.In()[0]
	rows, cols := rowShape(x)
	k := kernel.NewBatchNorm(l.b.set, rows, cols, l.b.threads)
	rx, w, b := l.read(x), l.read(n.In()[1]), l.read(n.In()[2])
	mean, variance := l.write(n.Out(1)), l.write(n.Out(2))
	scratch := l.scratch(k.Scratch())
	l.step("batch_norm", n, func(m *memory) []kernel.Phase {
		run, before := regions(m, after, rows)
		return append(before, k.Bind(m.f32(y), m.f32(rx), m.f32(w), m.f32(b), m.f32(mean), m.f32(variance), float32(op.Eps), m.f32(scratch), run)...)
	})
}

func lowerBatchNormGrad(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.BatchNormGradOp)
	in := n.In()
	rows, cols := rowShape(in[0])
	k := kernel.NewBatchNorm(l.b.set, rows, cols, l.b.threads)
	x, w, mean, variance, dy := l.read(in[0]), l.read(in[1]), l.read(in[2]), l.read(in[3]), l.read(in[4])
	dx, dw, db := l.write(n.Out(0)), l.write(n.Out(1)), l.write(n.Out(2))
	scratch := l.scratch(k.Scratch())
	l.step("batch_norm_grad", n, func(m *memory) []kernel.Phase {
		return k.BindGrad(m.f32(dx), m.f32(dw), m.f32(db), m.f32(dy), m.f32(x), m.f32(w), m.f32(mean), m.f32(variance), float32(op.Eps), m.f32(scratch))
	})
}
