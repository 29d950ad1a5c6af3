package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// poolSpec describes windows over x as images with channels last: axes that
// are pooled must lie between those that are not, at most three of them. Axes
// before count as images, axes behind as channels.
func poolSpec(w ops.Window, x, y shape.Shape) (s kernel.PoolSpec, ok bool) {
	s = kernel.PoolSpec{N: 1, C: 1}
	first, last := x.Rank(), -1
	for a := range x.Rank() {
		if w.Size[a] != 1 || w.Stride[a] != 1 || w.PadLo[a] != 0 || w.PadHi[a] != 0 {
			first, last = min(first, a), a
		}
	}
	if last-first > 2 {
		return s, false
	}
	for i := range 3 {
		s.In[i], s.Out[i], s.Window[i], s.Stride[i], s.Dilation[i] = 1, 1, 1, 1, 1
	}
	for a := range x.Rank() {
		switch {
		case a < first:
			s.N *= x.Dim(a)
		case a > last:
			s.C *= x.Dim(a)
		default:
			d := 3 - (last - first + 1) + a - first
			s.In[d], s.Out[d], s.Window[d] = x.Dim(a), y.Dim(a), w.Size[a]
			s.Stride[d], s.PadLo[d], s.PadHi[d], s.Dilation[d] = w.Stride[a], w.PadLo[a], w.PadHi[a], w.Dilation[a]
		}
	}
	return s, true
}

func lowerMaxPool(l *Lowering, n *ir.Node) {
	x, y, index := n.In()[0], n.Out(0), n.Out(1)
	s, ok := poolSpec(n.Op().(ops.MaxPoolOp).Window, x.Shape(), y.Shape())
	if !ok || !isF32Value(x) {
		l.interpret(n)
		return
	}
	k := kernel.NewMaxPool(l.b.set, s, l.b.threads)
	rx, ry, ri := l.read(x), l.write(y), l.write(index)
	l.step("max_pool", n, func(m *memory) []kernel.Phase {
		return k.Bind(m.f32(ry), view[int32](m.bytes(ri)), m.f32(rx))
	})
}

// maxPoolGradSpec describes the windows of the gradient n of a pooling, ok where
// there are kernels for it. Last tells that channels are the last axis.
func maxPoolGradSpec(n *ir.Node) (s kernel.PoolSpec, last, ok bool) {
	dy, dx := n.In()[0], n.Out(0)
	s, ok = poolSpec(n.Op().(ops.MaxPoolGradOp).Window, dx.Shape(), dy.Shape())
	return s, dx.Rank() > 0 && s.C == dx.Dim(-1), ok && isF32Value(dy)
}

func lowerMaxPoolGrad(l *Lowering, n *ir.Node) {
	if _, _, ok := maxPoolGradSpec(n); !ok {
		l.interpret(n)
		return
	}
	l.maxPoolGrad(n, l.write(n.Out(0)), nil)
}

// maxPoolGrad lowers the gradient of a pooling into dx, with an epilogue or nil.
func (l *lowering) maxPoolGrad(n *ir.Node, dx ref, after epilogue) {
	s, _, _ := maxPoolGradSpec(n)
	k := kernel.NewMaxPool(l.b.set, s, l.b.threads)
	dy, index := l.read(n.In()[0]), l.read(n.In()[1])
	l.step("max_pool_grad", n, func(m *memory) []kernel.Phase {
		run, before := regions(m, after, 0)
		return append(before, k.BindGrad(m.f32(dx), m.f32(dy), view[int32](m.bytes(index)), run)...)
	})
}

func lowerMaxPoolGather(l *Lowering, n *ir.Node) {
	x, index, y := n.In()[0], n.In()[1], n.Out(0)
	s, ok := poolSpec(n.Op().(ops.MaxPoolGatherOp).Window, x.Shape(), y.Shape())
	if !ok || !isF32Value(x) {
		l.interpret(n)
		return
	}
	k := kernel.NewMaxPool(l.b.set, s, l.b.threads)
	rx, ri, ry := l.read(x), l.read(index), l.write(y)
	l.step("max_pool_gather", n, func(m *memory) []kernel.Phase {
		return k.BindGather(m.f32(ry), m.f32(rx), view[int32](m.bytes(ri)))
	})
}

func lowerAvgPool(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.AvgPoolOp)
	x, y := n.In()[0], n.Out(0)
	s, ok := poolSpec(op.Window, x.Shape(), y.Shape())
	if !ok || !isF32Value(x) {
		l.interpret(n)
		return
	}
	k := kernel.NewAvgPool(l.b.set, s, op.CountIncludePad, l.b.threads)
	rx, ry := l.read(x), l.write(y)
	l.step("avg_pool", n, func(m *memory) []kernel.Phase { return k.Bind(m.f32(ry), m.f32(rx)) })
}

func lowerAvgPoolGrad(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.AvgPoolGradOp)
	dy, dx := n.In()[0], n.Out(0)
	s, ok := poolSpec(op.Window, dx.Shape(), dy.Shape())
	if !ok || !isF32Value(dy) {
		l.interpret(n)
		return
	}
	k := kernel.NewAvgPool(l.b.set, s, op.CountIncludePad, l.b.threads)
	rdy, rdx := l.read(dy), l.write(dx)
	l.step("avg_pool_grad", n, func(m *memory) []kernel.Phase { return k.BindGrad(m.f32(rdx), m.f32(rdy)) })
}
