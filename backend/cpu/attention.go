package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// An attention is what an attention node and its gradient have in common.
type attention struct {
	op     ops.AttentionOp
	sizes  ops.AttentionSizes
	places ops.AttentionPlaces
	spec   kernel.AttentionSpec
}

// attentionOf reads a node of either op.
func attentionOf(n *ir.Node) (a attention) {
	switch op := n.Op().(type) {
	case ops.AttentionOp:
		a.op = op
	case ops.AttentionGradOp:
		a.op = ops.AttentionOp(op)
	}
	types := make([]ir.Type, len(n.In()))
	for i, v := range n.In() {
		types[i] = v.Type()
	}
	op := a.op
	a.sizes, _ = op.Sizes(types)
	a.places = op.Places()
	z := a.sizes
	a.spec = kernel.AttentionSpec{
		B: z.B, T: z.T, S: z.S, H: z.H, G: z.G, K: z.K, V: z.Width,
		LdQ: z.H * z.K, LdK: z.G * z.K, LdV: z.G * z.Width,
		Scale: float32(op.Scale), Causal: op.Causal, Windowed: op.Windowed, Left: op.Left, Right: op.Right,
	}
	s := &a.spec
	if op.Packed {
		s.LdQ = (z.H + 2*z.G) * z.K
		s.LdK, s.LdV = s.LdQ, s.LdQ
	}
	if op.Capped {
		s.Cap = float32(op.SoftCap)
	}
	if op.With.Dropout {
		s.Threshold = ops.DropoutOp{P: op.Dropout}.Threshold()
		s.Keep = float32(1 / (1 - op.Dropout))
	}
	spread := func(at int) (stride [3]int) {
		if at >= 0 {
			step := z.S
			for axis := 2; axis >= 0; axis-- {
				if d := n.In()[at].Dim(axis); d != 1 {
					stride[axis] = step
					step *= d
				}
			}
		}
		return stride
	}
	s.BiasStride, s.MaskStride = spread(a.places.Bias), spread(a.places.Mask)
	return a
}

// runsAttention reports whether there is something to do: empty operands are
// left to the composition.
func runsAttention(n *ir.Node) bool {
	z := attentionOf(n).sizes
	return z.B*z.T*z.S*z.H*z.K*z.Width > 0
}

// parts cuts a packed value, or takes the three there are.
func (a attention) parts(m *memory, rs []ref) (q, k, v []float32) {
	q = m.f32(rs[0])
	if !a.op.Packed {
		return q, m.f32(rs[1]), m.f32(rs[2])
	}
	return q, q[a.sizes.H*a.sizes.K:], q[(a.sizes.H+a.sizes.G)*a.sizes.K:]
}

// operands declares what both passes read, and binds it.
func (a attention) operands(l *Lowering, n *ir.Node) func(m *memory) kernel.AttentionOperands {
	rs := make([]ref, a.places.Count)
	for i := range rs {
		rs[i] = l.read(n.In()[i])
	}
	p := a.places
	var draw func(m *memory) func(dst []uint32, first int)
	if p.Seed >= 0 {
		draw = l.generator(rs[p.Seed], rs[p.Step], a.op.Stream)
	}
	return func(m *memory) (o kernel.AttentionOperands) {
		o.Q, o.K, o.V = a.parts(m, rs)
		o.Position, o.Lengths = present[int64](m, rs, p.Position), present[int64](m, rs, p.Lengths)
		o.QuerySegs, o.KeySegs = present[int64](m, rs, p.QuerySegments), present[int64](m, rs, p.KeySegments)
		o.Mask, o.Bias = present[byte](m, rs, p.Mask), present[float32](m, rs, p.Bias)
		o.Slopes, o.Sinks = present[float32](m, rs, p.Slopes), present[float32](m, rs, p.Sinks)
		if draw != nil {
			o.Draw = draw(m)
		}
		return o
	}
}

// present returns the elements of operand i, nil if there is none.
func present[T any](m *memory, rs []ref, i int) []T {
	if i < 0 {
		return nil
	}
	return view[T](m.bytes(rs[i]))
}

func lowerAttention(l *Lowering, n *ir.Node) {
	a := attentionOf(n)
	k := kernel.NewAttention(l.b.set, a.spec, l.b.threads)
	operands := a.operands(l, n)
	out, lse, scratch := l.write(n.Out(0)), l.write(n.Out(1)), l.scratch(k.Scratch())
	l.step("attention", n, func(m *memory) []kernel.Phase {
		o := operands(m)
		o.Out, o.Lse = m.f32(out), m.f32(lse)
		return k.Bind(o, m.f32(scratch))
	})
}

func lowerAttentionGrad(l *Lowering, n *ir.Node) {
	a := attentionOf(n)
	k := kernel.NewAttentionGrad(l.b.set, a.spec, l.b.threads)
	operands := a.operands(l, n)
	in := n.In()[a.places.Count:]
	lse, delta, dout := l.read(in[0]), l.read(in[1]), l.read(in[2])
	var dx []ref
	for i := range a.places.V + 1 {
		dx = append(dx, l.write(n.Out(i)))
	}
	var dbias ref
	wanted := a.op.With.Bias && l.wanted(n.Out(n.NumOut()-1))
	if wanted {
		dbias = l.write(n.Out(n.NumOut() - 1))
	}
	scratch := l.scratch(k.Scratch())
	l.step("attention_grad", n, func(m *memory) []kernel.Phase {
		o := operands(m)
		o.Lse, o.Delta, o.DOut = m.f32(lse), m.f32(delta), m.f32(dout)
		o.DQ, o.DK, o.DV = a.parts(m, dx)
		if wanted {
			o.DBias = m.f32(dbias)
		}
		return k.Bind(o, m.f32(scratch))
	})
}
