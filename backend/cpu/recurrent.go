package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// keepsRecurrent reports whether the backend runs a recurrent layer: one of
// float32 that has samples, steps and units; of gradients those without a tape,
// which only second gradients have.
func keepsRecurrent(n *ir.Node) bool {
	for _, v := range n.In() {
		if v.DType() != dtype.Float32 && v.DType() != dtype.Int64 {
			return false
		}
	}
	switch op := n.Op().(type) {
	case ops.RNNGradOp:
		return !op.Tape && n.Out(0).Shape().Size() > 0
	case ops.LSTMGradOp:
		return !op.Tape && n.Out(0).Shape().Size() > 0
	case ops.GRUGradOp:
		return !op.Tape && n.Out(0).Shape().Size() > 0
	}
	return n.In()[0].Shape().Size() > 0
}

// recurrent describes a layer by its sequence [B T ...] and its weight [G*D D].
func recurrent(cell kernel.Cell, reverse bool, sequence, weight *ir.Value) kernel.RecurrentSpec {
	return kernel.RecurrentSpec{Cell: cell, B: sequence.Dim(0), T: sequence.Dim(1), D: weight.Dim(1), Reverse: reverse}
}

func rnnCell(relu bool) kernel.Cell {
	if relu {
		return kernel.ReLUCell
	}
	return kernel.TanhCell
}

// maybe is write for a result that may have no reader.
func (l *lowering) maybe(v *ir.Value) func(m *memory) []float32 {
	if _, read := l.lastRead[v]; !read {
		return func(*memory) []float32 { return nil }
	}
	return l.floats(l.write(v))
}

// floats is the memory of r, once it is bound.
func (l *lowering) floats(r ref) func(m *memory) []float32 {
	return func(m *memory) []float32 { return m.f32(r) }
}

// onto writes v, onto the memory of an operand if nobody reads that any more.
func (l *lowering) onto(v *ir.Value, operand ref) func(m *memory) []float32 {
	if _, read := l.lastRead[v]; !read {
		return func(*memory) []float32 { return nil }
	}
	return l.floats(l.writeOver(v, map[ref]bool{operand: true}))
}

// lengths reads operand i, if there is one.
func (l *lowering) lengths(n *ir.Node, i int) func(m *memory) []int64 {
	if i >= len(n.In()) {
		return func(*memory) []int64 { return nil }
	}
	r := l.read(n.In()[i])
	return func(m *memory) []int64 { return view[int64](m.bytes(r)) }
}

func lowerRNN(l *Lowering, n *ir.Node) {
	op, in := n.Op().(ops.RNNOp), n.In()
	k := kernel.NewRecurrent(l.b.set, recurrent(rnnCell(op.ReLU), op.Reverse, in[0], in[1]), l.b.threads)
	x, weight, bias, h0, lengths := l.read(in[0]), l.read(in[1]), l.read(in[2]), l.read(in[3]), l.lengths(n, 4)
	y, h, prev, scratch := l.onto(n.Out(0), x), l.write(n.Out(1)), l.maybe(n.Out(2)), l.scratch(k.Scratch())
	l.step("rnn", n, func(m *memory) []kernel.Phase {
		return k.Bind(kernel.RecurrentOperands{
			Weight: m.f32(weight), Bias: m.f32(bias), H0: m.f32(h0), Lengths: lengths(m),
			X: m.f32(x), Y: y(m), H: m.f32(h), Prev: prev(m),
		}, m.f32(scratch))
	})
}

func lowerRNNGrad(l *Lowering, n *ir.Node) {
	op, in := n.Op().(ops.RNNGradOp), n.In()
	k := kernel.NewRecurrentGrad(l.b.set, recurrent(rnnCell(op.ReLU), op.Reverse, in[1], in[0]), l.b.threads)
	weight, y, dy, dh, lengths := l.read(in[0]), l.read(in[1]), l.read(in[2]), l.read(in[3]), l.lengths(n, 4)
	dx, dbias, dh0, scratch := l.onto(n.Out(0), y), l.maybe(n.Out(1)), l.write(n.Out(2)), l.scratch(k.Scratch())
	l.step("rnn_grad", n, func(m *memory) []kernel.Phase {
		return k.BindGrad(kernel.RecurrentGradOperands{
			Weight: m.f32(weight), Lengths: lengths(m), Gates: m.f32(y), DY: m.f32(dy), DH: m.f32(dh),
			DX: dx(m), DBias: dbias(m), DH0: m.f32(dh0),
		}, m.f32(scratch))
	})
}

func lowerLSTM(l *Lowering, n *ir.Node) {
	in := n.In()
	k := kernel.NewRecurrent(l.b.set, recurrent(kernel.LSTMCell, n.Op().(ops.LSTMOp).Reverse, in[0], in[1]), l.b.threads)
	x, weight, bias, h0, c0, lengths := l.read(in[0]), l.read(in[1]), l.read(in[2]), l.read(in[3]), l.read(in[4]), l.lengths(n, 5)
	gates := l.onto(n.Out(4), x)
	y, h, c := l.maybe(n.Out(0)), l.write(n.Out(1)), l.write(n.Out(2))
	prev, cells, scratch := l.maybe(n.Out(3)), l.maybe(n.Out(5)), l.scratch(k.Scratch())
	l.step("lstm", n, func(m *memory) []kernel.Phase {
		return k.Bind(kernel.RecurrentOperands{
			Weight: m.f32(weight), Bias: m.f32(bias), H0: m.f32(h0), C0: m.f32(c0), Lengths: lengths(m),
			X: m.f32(x), Y: y(m), H: m.f32(h), C: m.f32(c), Prev: prev(m), Gates: gates(m), Tape: cells(m),
		}, m.f32(scratch))
	})
}

func lowerLSTMGrad(l *Lowering, n *ir.Node) {
	in := n.In()
	k := kernel.NewRecurrentGrad(l.b.set, recurrent(kernel.LSTMCell, n.Op().(ops.LSTMGradOp).Reverse, in[1], in[0]), l.b.threads)
	weight, gates, cells, dy, dh, dc, lengths := l.read(in[0]), l.read(in[1]), l.read(in[2]), l.read(in[3]), l.read(in[4]), l.read(in[5]), l.lengths(n, 6)
	dx, dbias, dh0, dc0, scratch := l.onto(n.Out(0), gates), l.maybe(n.Out(1)), l.write(n.Out(2)), l.write(n.Out(3)), l.scratch(k.Scratch())
	l.step("lstm_grad", n, func(m *memory) []kernel.Phase {
		return k.BindGrad(kernel.RecurrentGradOperands{
			Weight: m.f32(weight), Lengths: lengths(m), Gates: m.f32(gates), Tape: m.f32(cells), DY: m.f32(dy), DH: m.f32(dh), DC: m.f32(dc),
			DX: dx(m), DBias: dbias(m), DH0: m.f32(dh0), DC0: m.f32(dc0),
		}, m.f32(scratch))
	})
}

func lowerGRU(l *Lowering, n *ir.Node) {
	in := n.In()
	k := kernel.NewRecurrent(l.b.set, recurrent(kernel.GRUCell, n.Op().(ops.GRUOp).Reverse, in[0], in[1]), l.b.threads)
	x, weight, bias, h0, lengths := l.read(in[0]), l.read(in[1]), l.read(in[2]), l.read(in[3]), l.lengths(n, 4)
	gates := l.onto(n.Out(3), x)
	y, h, prev, inner, scratch := l.maybe(n.Out(0)), l.write(n.Out(1)), l.maybe(n.Out(2)), l.maybe(n.Out(4)), l.scratch(k.Scratch())
	l.step("gru", n, func(m *memory) []kernel.Phase {
		return k.Bind(kernel.RecurrentOperands{
			Weight: m.f32(weight), Bias: m.f32(bias), H0: m.f32(h0), Lengths: lengths(m),
			X: m.f32(x), Y: y(m), H: m.f32(h), Prev: prev(m), Gates: gates(m), Tape: inner(m),
		}, m.f32(scratch))
	})
}

func lowerGRUGrad(l *Lowering, n *ir.Node) {
	in := n.In()
	k := kernel.NewRecurrentGrad(l.b.set, recurrent(kernel.GRUCell, n.Op().(ops.GRUGradOp).Reverse, in[1], in[0]), l.b.threads)
	weight, prev, gates, inner, dy, dh, lengths := l.read(in[0]), l.read(in[1]), l.read(in[2]), l.read(in[3]), l.read(in[4]), l.read(in[5]), l.lengths(n, 6)
	dx := l.onto(n.Out(0), gates)
	dq, dbias, dh0, scratch := l.maybe(n.Out(1)), l.maybe(n.Out(2)), l.write(n.Out(3)), l.scratch(k.Scratch())
	l.step("gru_grad", n, func(m *memory) []kernel.Phase {
		return k.BindGrad(kernel.RecurrentGradOperands{
			Weight: m.f32(weight), Lengths: lengths(m), Prev: m.f32(prev), Gates: m.f32(gates), Tape: m.f32(inner), DY: m.f32(dy), DH: m.f32(dh),
			DX: dx(m), DQ: dq(m), DBias: dbias(m), DH0: m.f32(dh0),
		}, m.f32(scratch))
	})
}
