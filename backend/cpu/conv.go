package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// convSpec describes a convolution of x [B spatial C] to y [B spatial O].
// Images of lower rank get leading axes of one.
func convSpec(op ops.ConvOp, x, w, y ir.Type) kernel.ConvSpec {
	s := kernel.ConvSpec{N: x.Shape.Dim(0), C: x.Shape.Dim(-1), O: y.Shape.Dim(-1), Groups: op.Groups}
	for i := range 3 {
		s.In[i], s.Out[i], s.Kernel[i], s.Stride[i], s.Dilation[i] = 1, 1, 1, 1, 1
	}
	spatial := x.Shape.Rank() - 2
	for i := range spatial {
		d := 3 - spatial + i
		s.In[d], s.Out[d], s.Kernel[d] = x.Shape.Dim(1+i), y.Shape.Dim(1+i), w.Shape.Dim(2+i)
		s.Stride[d], s.PadLo[d], s.PadHi[d], s.Dilation[d] = op.Stride[i], op.PadLo[i], op.PadHi[i], op.Dilation[i]
	}
	return s
}

func (l *lowering) conv(n *ir.Node, op ops.ConvOp, y ref, after epilogue) {
	x, w := n.In()[0], n.In()[1]
	s := convSpec(op, x.Type(), w.Type(), n.Out(0).Type())
	if l.packOnce(n, s, y, after) {
		return
	}
	k := kernel.NewConv(l.b.set, s, l.b.threads)
	rx, rw, scratch := l.read(x), l.read(w), l.scratch(k.Scratch())
	pixels := s.N * s.Out[0] * s.Out[1] * s.Out[2]
	l.step("conv", n, func(m *memory) []kernel.Phase {
		run, before := regions(m, after, pixels)
		return append(before, k.Bind(m.f32(rx), m.f32(rw), m.f32(y), m.f32(scratch), run)...)
	})
}

// packOnce lowers a convolution s, or a product that is one, whose weight is
// fixed: it is packed once. False where it is not, or would gain nothing.
func (l *lowering) packOnce(n *ir.Node, s kernel.ConvSpec, y ref, after epilogue) bool {
	x, w := n.In()[0], n.In()[1]
	if !l.isFixed(w) || l.keeps() || !isF32(n) {
		return false
	}
	k := kernel.NewPackedConv(l.b.set, s, l.b.threads)
	if k == nil {
		return false
	}
	rx, rw := l.read(x), l.read(w)
	packed, shared := l.packVariable(w, k.Layout(), 4*k.Packed())
	if !shared {
		packed = l.keep(ir.Type{DType: dtype.Float32}, 4*k.Packed())
	}
	scratch := l.scratch(k.Scratch())
	l.keepStep("packing", n, func(m *memory) []kernel.Phase {
		return k.BindWeight(m.f32(rw), m.f32(packed), m.f32(scratch))
	})
	if shared {
		l.steps[len(l.steps)-1].pack = 1 + l.slots[packed].index
	}
	pixels := s.N * s.Out[0] * s.Out[1] * s.Out[2]
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
		run, before := regions(m, after, pixels)
		return append(before, k.Bind(m.f32(rx), m.f32(packed), m.f32(y), m.f32(scratch), run)...)
	})
	return true
}

func (l *lowering) convInput(n *ir.Node, op ops.ConvInputOp, dx ref, after epilogue) {
	dy, w := n.In()[0], n.In()[1]
	s := convSpec(op.ConvOp, n.Out(0).Type(), w.Type(), dy.Type())
	k := kernel.NewConvInput(l.b.set, s, l.b.threads)
	rdy, rw, scratch := l.read(dy), l.read(w), l.scratch(k.Scratch())
	pixels := s.N * s.In[0] * s.In[1] * s.In[2]
	l.step("conv_input", n, func(m *memory) []kernel.Phase {
		run, before := regions(m, after, pixels)
		return append(before, k.Bind(m.f32(rdy), m.f32(rw), m.f32(dx), m.f32(scratch), run)...)
	})
}

func lowerConvWeight(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.ConvWeightOp)
	if !isF32(n) || !op.ChannelsLast {
		l.interpret(n)
		return
	}
	x, dy := n.In()[0], n.In()[1]
	s := convSpec(op.ConvOp, x.Type(), n.Out(0).Type(), dy.Type())
	k := kernel.NewConvWeight(l.b.set, s, l.b.threads)
	rx, rdy, scratch := l.read(x), l.read(dy), l.scratch(k.Scratch())
	dw := l.write(n.Out(0))
	l.step("conv_weight", n, func(m *memory) []kernel.Phase {
		return k.Bind(m.f32(rx), m.f32(rdy), m.f32(dw), m.f32(scratch))
	})
}
