package ops

import "github.com/gradus-ml/gradus/ir"

// LSTMOp runs one direction of one layer of long short-term memory over a
// sequence. Operands: x [B T 4D], the products of the inputs with their weight,
// then weight [4D D], bias [4D], the first states h0 and c0 [B D] and perhaps
// lengths i64 [B]. For every step t
//
//	a = x[:, t] + bias + h weightᵀ        in four parts: ai, af, ag, ao [B D]
//	i = sigmoid(ai),  f = sigmoid(af),  g = tanh(ag),  o = sigmoid(ao)
//	c = f*c + i*g,    h = o * tanh(c)
//
// Results: outputs y [B T D], h after every step; the last states h and c [B D];
// and for the gradient prev [B T D], h before every step, gates [B T 4D], i f g
// o, and cells [B T D], c before every step.
//
// Order of steps, Reverse and lengths are as in [RNNOp]: at steps beyond its
// length the states of a row stay and its other results are 0.
//
// Source: Hochreiter, Schmidhuber, "Long short-term memory" (1997), with the
// forget gate of Gers, Schmidhuber, Cummins (2000); equal to torch.nn.LSTM, with
// lengths to that of a packed sequence. bias is the sum of its two.
type LSTMOp struct{ Reverse bool }

// LSTM runs one direction of one layer of long short-term memory over x
// [B T 4D], the products of the inputs with their weight: y [B T D] are the
// states h after the steps, h and c [B D] the last ones. Lengths, i64 [B], may
// be nil. See [LSTMOp].
func LSTM(x, weight, bias, h0, c0, lengths *ir.Value, op LSTMOp) (y, h, c *ir.Value) {
	r := applyWide(3, op, withLengths(lengths, x, weight, bias, h0, c0)...)
	return r[0], r[1], r[2]
}

// Name is "lstm".
func (LSTMOp) Name() string { return "lstm" }

// NumResults is 6.
func (LSTMOp) NumResults() int { return 6 }

// Infer wants x, weight, bias, states, and perhaps lengths.
func (LSTMOp) Infer(in []ir.Type) ([]ir.Type, error) {
	s, err := recurrence{gates: 4, biases: 4, states: 2}.check(in)
	if err != nil {
		return nil, err
	}
	return []ir.Type{s.sequence(1), s.state, s.state, s.sequence(1), s.sequence(4), s.sequence(1)}, nil
}

// Flops counts the products with weight, and sixty operations an element of y.
func (LSTMOp) Flops(in, _ []ir.Type) int64 { return recurrentFlops(in[0], in[1], 60) }

// Expand is the formula, as a scan.
func (op LSTMOp) Expand(in []*ir.Value) []*ir.Value {
	x, weight, bias, h0, c0 := in[0], in[1], in[2], in[3], in[4]
	last, ys := overTime(op.Reverse, optionalAt(in, 5), []*ir.Value{h0, c0}, []*ir.Value{x}, func(state, x []*ir.Value) (next, ys []*ir.Value) {
		h, c := state[0], state[1]
		a := parts(Add(Add(x[0], bias), Linear(h, weight, nil)), 4)
		i, f, g, o := Sigmoid(a[0]), Sigmoid(a[1]), Tanh(a[2]), Sigmoid(a[3])
		c1 := Add(Mul(f, c), Mul(i, g))
		h1 := Mul(o, Tanh(c1))
		return []*ir.Value{h1, c1}, []*ir.Value{h1, h, Concat(1, i, f, g, o), c}
	})
	return []*ir.Value{ys[0], last[0], last[1], ys[1], ys[2], ys[3]}
}

// Grad is [LSTMGradOp], and one product over all steps for weight.
func (op LSTMOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	args := append([]*ir.Value{in[1], out[4], out[5]}, orZeros(gout, out, 0, 2)...)
	taped := gout[3] != nil || gout[4] != nil || gout[5] != nil
	if taped {
		args = append(args, orZeros(gout, out, 3, 5)...)
	}
	d := ir.Apply(LSTMGradOp{Reverse: op.Reverse, Tape: taped}, withLengths(optionalAt(in, 5), args...)...)
	return []*ir.Value{d[0], overSteps(d[0], out[3]), d[1], d[2], d[3], nil}[:len(in)]
}

// LSTMGradOp is the gradient of [LSTMOp]. Of weight [4D D], gates [B T 4D],
// cells [B T D], the gradients dy [B T D], dh and dc [B D] by outputs and last
// states, if Tape the gradients dprev, dgates and dcells by those results, and
// perhaps lengths, it makes dx [B T 4D], dbias [4D], the sum of dx, dh0 and dc0
// [B D]. From the last step to the first, with s = tanh(f*c + i*g) and c from
// cells,
//
//	dh += dy[:, t],  do = dh * s,  dc += dh * o * (1 - s^2)
//	dx[:, t] = dc*g * i*(1-i),  dc*c * f*(1-f),  dc*i * (1-g^2),  do * o*(1-o)
//	dc = dc * f,  dh = dx[:, t] weight
//
// where dgates adds to the factors of the slopes, dcells and dprev to dc and dh
// at the end. At steps beyond its length the dx of a row is 0, and its dh and dc
// stay.
type LSTMGradOp struct{ Reverse, Tape bool }

// Name is "lstm_grad".
func (LSTMGradOp) Name() string { return "lstm_grad" }

// NumResults is 4.
func (LSTMGradOp) NumResults() int { return 4 }

// Infer wants weight, gates, cells, dy, dh, dc, perhaps the gradients by the
// tape, and perhaps lengths.
func (op LSTMGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	s, err := recurrence{gates: 4}.checkGrad(in, []int{4, 1, 1}, 2, op.Tape, []int{1, 4, 1})
	if err != nil {
		return nil, err
	}
	return []ir.Type{s.sequence(4), s.bias(4), s.state, s.state}, nil
}

// Flops counts the products with weight, and forty operations an element of dy.
func (LSTMGradOp) Flops(in, _ []ir.Type) int64 { return recurrentFlops(in[1], in[0], 40) }

// Expand is the formula, as a scan.
func (op LSTMGradOp) Expand(in []*ir.Value) []*ir.Value {
	weight, gates, cells, dy, dh, dc := in[0], in[1], in[2], in[3], in[4], in[5]
	xs := []*ir.Value{gates, cells, dy}
	if op.Tape {
		xs = append(xs, in[6], in[7], in[8])
	}
	last, ys := overTime(!op.Reverse, lastIf(in, 6, op.Tape, 3), []*ir.Value{dh, dc}, xs, func(state, x []*ir.Value) (next, ys []*ir.Value) {
		gate, c := parts(x[0], 4), x[1]
		i, f, g, o := gate[0], gate[1], gate[2], gate[3]
		s := Tanh(Add(Mul(f, c), Mul(i, g)))
		h1 := Add(state[0], x[2])
		c1 := Add(state[1], tanhSlope(s, Mul(h1, o)))
		d := []*ir.Value{Mul(c1, g), Mul(c1, c), Mul(c1, i), Mul(h1, s)}
		if op.Tape {
			for k, more := range parts(x[4], 4) {
				d[k] = Add(d[k], more)
			}
		}
		dx := Concat(1, sigmoidSlope(i, d[0]), sigmoidSlope(f, d[1]), tanhSlope(g, d[2]), sigmoidSlope(o, d[3]))
		h0, c0 := MatMul(dx, weight), Mul(c1, f)
		if op.Tape {
			h0, c0 = Add(h0, x[3]), Add(c0, x[5])
		}
		return []*ir.Value{h0, c0}, []*ir.Value{dx}
	})
	return []*ir.Value{ys[0], Sum(ys[0], 0, 1), last[0], last[1]}
}
