package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

func lowerRMSNorm(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.RMSNormOp)
	x := n.In()[0]
	rows := n.Out(1).Shape().Size()
	cols := x.Shape().Size() / rows
	rx, weight, y, rstd := l.read(x), l.optional(n, 1), l.write(n.Out(0)), l.write(n.Out(1))
	v := &l.b.set.Vec
	l.step("rms_norm", n, func(m *memory) []kernel.Phase {
		xs, ys, rs, w := m.f32(rx), m.f32(y), m.f32(rstd), weight(m)
		return []kernel.Phase{rowsOf(rows, cols*3, func(_, r int) {
			rs[r] = v.RMSNorm(ys[r*cols:(r+1)*cols], xs[r*cols:(r+1)*cols], w, op.Eps)
		})}
	})
}

func lowerRMSNormGrad(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.RMSNormGradOp)
	in := n.In()
	x, k := in[0], len(in)-2
	rows := in[k].Shape().Size()
	cols := x.Shape().Size() / rows
	rx, rstd, dy, dx := l.read(x), l.read(in[k]), l.read(in[k+1]), l.write(n.Out(0))
	weight := func(*memory) []float32 { return nil }
	var outs []ref
	if op.Weighted {
		weight = l.optional(n, 1)
		outs = []ref{l.write(n.Out(1))}
	}
	v := &l.b.set.Vec
	l.rowSums(n, rows, cols, outs, func(m *memory) func(r int, sums [][]float32) {
		xs, rs, g, out, w := m.f32(rx), m.f32(rstd), m.f32(dy), m.f32(dx), weight(m)
		return func(r int, sums [][]float32) {
			var dw []float32
			if len(sums) > 0 {
				dw = sums[0]
			}
			v.RMSNormGrad(out[r*cols:(r+1)*cols], g[r*cols:(r+1)*cols], xs[r*cols:(r+1)*cols], w, dw, rs[r])
		}
	})
}
