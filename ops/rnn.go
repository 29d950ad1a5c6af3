package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// RNNOp runs one direction of one layer of the simple recurrent network over a
// sequence. Operands: x [B T D], the products of the inputs with their weight,
// then weight [D D], bias [D], the first state h0 [B D] and perhaps lengths
// i64 [B]. For every step t
//
//	h = f(x[:, t] + bias + h weightᵀ)
//
// with f tanh, or max(0, .) if ReLU. Results: outputs y [B T D], h after every
// step; the last state h [B D]; and for the gradient prev [B T D], h before
// every step.
//
// Steps go from the first to the last, or from the last to the first if
// Reverse. With lengths, row b has steps 0 to lengths[b]-1 alone, in either
// direction: at others its state stays and y and prev are 0. A length of 0 or
// less is no step, one above T is T.
//
// Source: Elman, "Finding structure in time" (1990); equal to torch.nn.RNN, with
// lengths to that of a packed sequence. bias stands for both of its biases.
type RNNOp struct{ ReLU, Reverse bool }

// RNN runs one direction of one layer of a simple recurrent network over x
// [B T D], the products of the inputs with their weight: y [B T D] are the
// states after the steps, h [B D] the last one. Lengths, i64 [B], may be nil.
// See [RNNOp].
func RNN(x, weight, bias, h0, lengths *ir.Value, op RNNOp) (y, h *ir.Value) {
	r := applyWide(2, op, withLengths(lengths, x, weight, bias, h0)...)
	return r[0], r[1]
}

// withLengths appends lengths, unless there are none.
func withLengths(lengths *ir.Value, in ...*ir.Value) []*ir.Value {
	if lengths != nil {
		in = append(in, lengths)
	}
	return in
}

// Name is "rnn".
func (RNNOp) Name() string { return "rnn" }

// NumResults is 3.
func (RNNOp) NumResults() int { return 3 }

// Infer wants x, weight, bias, state, and perhaps lengths.
func (RNNOp) Infer(in []ir.Type) ([]ir.Type, error) {
	s, err := recurrence{gates: 1, biases: 1, states: 1}.check(in)
	if err != nil {
		return nil, err
	}
	return []ir.Type{s.sequence(1), s.state, s.sequence(1)}, nil
}

// Flops counts the products with weight, and ten operations an element of y.
func (RNNOp) Flops(in, _ []ir.Type) int64 { return recurrentFlops(in[0], in[1], 10) }

// Expand is the formula, as a scan.
func (op RNNOp) Expand(in []*ir.Value) []*ir.Value {
	x, weight, bias, h0 := in[0], in[1], in[2], in[3]
	last, ys := overTime(op.Reverse, optionalAt(in, 4), []*ir.Value{h0}, []*ir.Value{x}, func(state, x []*ir.Value) (next, ys []*ir.Value) {
		h := op.activate(Add(Add(x[0], bias), Linear(state[0], weight, nil)))
		return []*ir.Value{h}, []*ir.Value{h, state[0]}
	})
	return []*ir.Value{ys[0], last[0], ys[1]}
}

func (op RNNOp) activate(x *ir.Value) *ir.Value {
	if op.ReLU {
		return ReLU(x)
	}
	return Tanh(x)
}

// Grad is [RNNGradOp], and one product over all steps for weight.
func (op RNNOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	args := append([]*ir.Value{in[1], out[0]}, orZeros(gout, out, 0, 1)...)
	if gout[2] != nil {
		args = append(args, gout[2])
	}
	d := ir.Apply(RNNGradOp{ReLU: op.ReLU, Reverse: op.Reverse, Tape: gout[2] != nil}, withLengths(optionalAt(in, 4), args...)...)
	return []*ir.Value{d[0], overSteps(d[0], out[2]), d[1], d[2], nil}[:len(in)]
}

// overSteps is the gradient of a weight: the sum over samples and steps of the
// outer products of d [B T G] and h [B T D].
func overSteps(d, h *ir.Value) *ir.Value {
	both := []int{0, 1}
	return DotGeneral(d, h, DotSpec{XContract: both, YContract: both}) // [G D]
}

// RNNGradOp is the gradient of [RNNOp]. Of weight [D D], y [B T D], the
// gradients dy [B T D] and dh [B D] by outputs and last state, if Tape dprev
// [B T D], the gradient by prev, and perhaps lengths, it makes dx [B T D],
// dbias [D], the sum of dx, and dh0 [B D]. From the last step to the first,
//
//	dx[:, t] = f'(y[:, t]) * (dh + dy[:, t]),  dh = dx[:, t] weight + dprev[:, t]
//
// with f'(y) = 1 - y^2, or 1 where y > 0 and else 0 if ReLU. At steps beyond
// its length the dx of a row is 0 and its dh stays.
type RNNGradOp struct{ ReLU, Reverse, Tape bool }

// Name is "rnn_grad".
func (RNNGradOp) Name() string { return "rnn_grad" }

// NumResults is 3.
func (RNNGradOp) NumResults() int { return 3 }

// Infer wants weight, y, dy, dh, perhaps dprev, and perhaps lengths.
func (op RNNGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	s, err := recurrence{gates: 1}.checkGrad(in, []int{1, 1}, 1, op.Tape, []int{1})
	if err != nil {
		return nil, err
	}
	return []ir.Type{s.sequence(1), s.bias(1), s.state}, nil
}

// Flops counts the products with weight, and four operations an element.
func (RNNGradOp) Flops(in, _ []ir.Type) int64 { return recurrentFlops(in[1], in[0], 4) }

// Expand is the formula, as a scan.
func (op RNNGradOp) Expand(in []*ir.Value) []*ir.Value {
	weight, y, dy, dh := in[0], in[1], in[2], in[3]
	xs := []*ir.Value{y, dy}
	if op.Tape {
		xs = append(xs, in[4])
	}
	last, ys := overTime(!op.Reverse, lastIf(in, 4, op.Tape, 1), []*ir.Value{dh}, xs, func(state, x []*ir.Value) (next, ys []*ir.Value) {
		y, d := x[0], Add(state[0], x[1])
		if op.ReLU {
			d = Select(Gt(y, Scalar(y, 0)), d, ZerosLike(d))
		} else {
			d = tanhSlope(y, d)
		}
		dh := MatMul(d, weight)
		if op.Tape {
			dh = Add(dh, x[2])
		}
		return []*ir.Value{dh}, []*ir.Value{d}
	})
	return []*ir.Value{ys[0], Sum(ys[0], 0, 1), last[0]}
}

// tanhSlope is d * (1 - y^2), the gradient by x of y = tanh(x).
func tanhSlope(y, d *ir.Value) *ir.Value { return Mul(d, Sub(Scalar(y, 1), Mul(y, y))) }

// sigmoidSlope is d * y * (1 - y), the gradient by x of y = sigmoid(x).
func sigmoidSlope(y, d *ir.Value) *ir.Value { return Mul(d, Mul(y, Sub(Scalar(y, 1), y))) }

// optionalAt is operand i, nil if there is none.
func optionalAt(in []*ir.Value, i int) *ir.Value {
	if i < len(in) {
		return in[i]
	}
	return nil
}

// lastIf is optionalAt for what comes after n operands, and after more others
// if those are there.
func lastIf(in []*ir.Value, n int, there bool, more int) *ir.Value {
	if there {
		n += more
	}
	return optionalAt(in, n)
}

// orZeros returns the gradients from lo to hi, zeros where none arrives.
func orZeros(gout, out []*ir.Value, lo, hi int) []*ir.Value {
	var g []*ir.Value
	for i := lo; i <= hi; i++ {
		if gout[i] != nil {
			g = append(g, gout[i])
		} else {
			g = append(g, ZerosLike(out[i]))
		}
	}
	return g
}

// recurrentFlops counts the products of every step with weight [G D], and
// some operations for each of D units.
func recurrentFlops(sequence, weight ir.Type, per int64) int64 {
	steps := int64(sequence.Shape.Dim(0)) * int64(sequence.Shape.Dim(1))
	return steps * (2*int64(weight.Shape.Size()) + per*int64(weight.Shape.Dim(1)))
}

// A recurrence tells how many times D the gates and biases of a recurrent op
// are wide, and how many states it has.
type recurrence struct{ gates, biases, states int }

// A sequenceShape is what the operands of a recurrent op have in common.
type sequenceShape struct {
	dt      dtype.DType
	b, t, d int
	state   ir.Type // [B D]
}

// sequence is the type [B T n*D].
func (s sequenceShape) sequence(n int) ir.Type {
	return ir.Type{DType: s.dt, Shape: shape.Of(s.b, s.t, n*s.d)}
}

// bias is the type [n*D].
func (s sequenceShape) bias(n int) ir.Type { return ir.Type{DType: s.dt, Shape: shape.Of(n * s.d)} }

// check wants x, weight, bias, the states and perhaps lengths.
func (r recurrence) check(in []ir.Type) (s sequenceShape, err error) {
	n := 3 + r.states
	if len(in) != n && len(in) != n+1 {
		return s, fmt.Errorf("wants %d operands, and perhaps lengths, got %d", n, len(in))
	}
	if s, err = r.shape(in[0], in[1]); err != nil {
		return s, err
	}
	if x := s.sequence(r.gates); in[0] != x {
		return s, fmt.Errorf("wants x %v for a weight %v, got %v", x, in[1], in[0])
	}
	if in[2] != s.bias(r.biases) {
		return s, fmt.Errorf("wants a bias %v, got %v", s.bias(r.biases), in[2])
	}
	for _, t := range in[3:n] {
		if t != s.state {
			return s, fmt.Errorf("wants a state %v, got %v", s.state, t)
		}
	}
	return s, s.checkLengths(in[n:])
}

// checkGrad wants weight, sequences of the given widths, as many gradients by
// states, sequences of the widths of tape if there is one, and perhaps lengths.
func (r recurrence) checkGrad(in []ir.Type, widths []int, states int, taped bool, tape []int) (s sequenceShape, err error) {
	n := 1 + len(widths) + states
	if taped {
		n += len(tape)
	}
	if len(in) != n && len(in) != n+1 {
		return s, fmt.Errorf("wants %d operands, and perhaps lengths, got %d", n, len(in))
	}
	if s, err = r.shape(in[1], in[0]); err != nil {
		return s, err
	}
	var want []ir.Type
	for _, w := range widths {
		want = append(want, s.sequence(w))
	}
	for range states {
		want = append(want, s.state)
	}
	if taped {
		for _, w := range tape {
			want = append(want, s.sequence(w))
		}
	}
	for i, t := range want {
		if in[1+i] != t {
			return s, fmt.Errorf("wants operand %d to be %v, got %v", 1+i, t, in[1+i])
		}
	}
	return s, s.checkLengths(in[n:])
}

// shape takes B and T from a sequence, D from weight.
func (r recurrence) shape(sequence, weight ir.Type) (s sequenceShape, err error) {
	if err := floating(sequence); err != nil {
		return s, err
	}
	if w := weight.Shape; w.Rank() != 2 || w.Dim(0) != r.gates*w.Dim(1) {
		if r.gates == 1 {
			return s, fmt.Errorf("wants a weight [D D], got %v", weight)
		}
		return s, fmt.Errorf("wants a weight [%d*D D], got %v", r.gates, weight)
	}
	if weight.DType != sequence.DType {
		return s, fmt.Errorf("wants a weight of type %v, got %v", sequence.DType, weight.DType)
	}
	if sequence.Shape.Rank() != 3 {
		return s, fmt.Errorf("wants a sequence of rank 3, batch first, got %v", sequence)
	}
	s = sequenceShape{dt: sequence.DType, b: sequence.Shape.Dim(0), t: sequence.Shape.Dim(1), d: weight.Shape.Dim(1)}
	s.state = ir.Type{DType: s.dt, Shape: shape.Of(s.b, s.d)}
	return s, nil
}

func (s sequenceShape) checkLengths(in []ir.Type) error {
	want := ir.Type{DType: dtype.Int64, Shape: shape.Of(s.b)}
	if len(in) > 0 && in[0] != want {
		return fmt.Errorf("wants lengths %v, got %v", want, in[0])
	}
	return nil
}

// overTime runs body for the steps of sequences xs [B T W]: it gets the states,
// at first init, and the step [B W] of each of xs, and returns the next states
// and what is to be stacked to sequences again. In rows that have no such step
// states stay and what is stacked is 0.
func overTime(reverse bool, lengths *ir.Value, init, xs []*ir.Value, body func(state, x []*ir.Value) (next, ys []*ir.Value)) (last, ys []*ir.Value) {
	run, n := Scan, len(xs)
	if reverse {
		run = ScanReverse
	}
	var slices []*ir.Value
	for _, x := range xs {
		slices = append(slices, Transpose(x, 1, 0, 2)) // [T B W]
	}
	if lengths != nil {
		slices = append(slices, Iota(lengths.Graph(), dtype.Int64, shape.Of(xs[0].Dim(1)), 0))
	}
	last, ys = run(init, slices, func(state, x []*ir.Value) (next, ys []*ir.Value) {
		next, ys = body(state, x[:n])
		if lengths == nil {
			return next, ys
		}
		there := Gt(lengths, x[n])
		for i, v := range next {
			next[i] = Select(spreadRow(there, v), v, state[i])
		}
		for i, v := range ys {
			ys[i] = Select(spreadRow(there, v), v, ZerosLike(v))
		}
		return next, ys
	})
	for i, y := range ys {
		ys[i] = Transpose(y, 1, 0, 2)
	}
	return last, ys
}

// parts cuts v [B n*D] in n.
func parts(v *ir.Value, n int) []*ir.Value {
	d := v.Dim(1) / n
	list := make([]*ir.Value, n)
	for i := range list {
		list[i] = Narrow(v, 1, i*d, d)
	}
	return list
}
