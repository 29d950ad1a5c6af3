package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// groupNorm plans for x, whose channels are first behind the samples or last.
func (l *lowering) groupNorm(x *ir.Value, groups, axis int) *kernel.GroupNorm {
	images, channels := x.Dim(0), x.Dim(axis)
	pixels := x.Shape().Size() / (images * channels)
	return kernel.NewGroupNorm(l.b.set, images, channels, groups, pixels, axis > 1, l.b.threads)
}

func lowerGroupNorm(l *Lowering, n *ir.Node) { l.normGroups(n, l.write(n.Out(0)), nil) }

// normGroups lowers a group norm into y, with an epilogue or nil.
func (l *lowering) normGroups(n *ir.Node, y ref, after epilogue) {
	op := n.Op().(ops.GroupNormOp)
	in := n.In()[0]
	k := l.groupNorm(in, op.Groups, op.Axis)
	x, w, b := l.read(in), l.read(n.In()[1]), l.read(n.In()[2])
	mean, variance := l.write(n.Out(1)), l.write(n.Out(2))
	scratch := l.scratch(k.Scratch())
	pixels := in.Shape().Size() / (in.Dim(0) * in.Dim(op.Axis))
	l.step("group_norm", n, func(m *memory) []kernel.Phase {
		run, before := regions(m, after, pixels)
		return append(before, k.Bind(m.f32(y), m.f32(x), m.f32(w), m.f32(b), m.f32(mean), m.f32(variance), op.Eps, m.f32(scratch), run)...)
	})
}

func lowerGroupNormGrad(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.GroupNormGradOp)
	in := n.In()
	k := l.groupNorm(in[0], op.Groups, op.Axis)
	x, w, mean, variance, dy := l.read(in[0]), l.read(in[1]), l.read(in[2]), l.read(in[3]), l.read(in[4])
	dx, dw, db := l.write(n.Out(0)), l.write(n.Out(1)), l.write(n.Out(2))
	scratch := l.scratch(k.Scratch())
	l.step("group_norm_grad", n, func(m *memory) []kernel.Phase {
		return k.BindGrad(m.f32(dx), m.f32(dw), m.f32(db), m.f32(dy), m.f32(x), m.f32(w), m.f32(mean), m.f32(variance), op.Eps, m.f32(scratch))
	})
}
