package ops

import "github.com/gradus-ml/gradus/ir"

// GRUOp runs one direction of one layer of gated recurrent units over a
// sequence. Operands: x [B T 3D], the products of the inputs with their weight,
// then weight [3D D], bias [4D], the first state h0 [B D] and perhaps lengths
// i64 [B]. For every step t, with x, h weightᵀ and bias in parts of D,
//
//	q = h weightᵀ
//	r = sigmoid(x0 + q0 + bias0),  z = sigmoid(x1 + q1 + bias1)
//	m = q2 + bias3,                n = tanh(x2 + bias2 + r*m)
//	h = (1-z)*n + z*h
//
// Results: outputs y [B T D], h after every step; the last state h [B D]; and
// for the gradient prev [B T D], h before every step, gates [B T 3D], r z n, and
// inner [B T D], m.
//
// Order of steps, Reverse and lengths are as in [RNNOp]: at steps beyond its
// length the state of a row stays and its other results are 0.
//
// Source: Cho and others, "Learning phrase representations using RNN
// encoder-decoder" (2014), with r applied after the product; equal to
// torch.nn.GRU, with lengths to that of a packed sequence. The first two parts
// of bias are the sums of its two biases, the third is the last of bias_ih, the
// fourth the last of bias_hh.
type GRUOp struct{ Reverse bool }

// GRU runs one direction of one layer of gated recurrent units over x [B T 3D],
// the products of the inputs with their weight: y [B T D] are the states after
// the steps, h [B D] the last one. Lengths, i64 [B], may be nil. See [GRUOp].
func GRU(x, weight, bias, h0, lengths *ir.Value, op GRUOp) (y, h *ir.Value) {
	r := applyWide(2, op, withLengths(lengths, x, weight, bias, h0)...)
	return r[0], r[1]
}

// Name is "gru".
func (GRUOp) Name() string { return "gru" }

// NumResults is 5.
func (GRUOp) NumResults() int { return 5 }

// Infer wants x, weight, bias, state, and perhaps lengths.
func (GRUOp) Infer(in []ir.Type) ([]ir.Type, error) {
	s, err := recurrence{gates: 3, biases: 4, states: 1}.check(in)
	if err != nil {
		return nil, err
	}
	return []ir.Type{s.sequence(1), s.state, s.sequence(1), s.sequence(3), s.sequence(1)}, nil
}

// Flops counts the products with weight, and fifty operations an element of y.
func (GRUOp) Flops(in, _ []ir.Type) int64 { return recurrentFlops(in[0], in[1], 50) }

// Expand is the formula, as a scan.
func (op GRUOp) Expand(in []*ir.Value) []*ir.Value {
	x, weight, bias, h0 := in[0], in[1], in[2], in[3]
	d := h0.Dim(1)
	last, ys := overTime(op.Reverse, optionalAt(in, 4), []*ir.Value{h0}, []*ir.Value{x}, func(state, x []*ir.Value) (next, ys []*ir.Value) {
		h := state[0]
		a := parts(Add(x[0], Narrow(bias, 0, 0, 3*d)), 3)
		q := parts(Linear(h, weight, nil), 3)
		r, z := Sigmoid(Add(a[0], q[0])), Sigmoid(Add(a[1], q[1]))
		m := Add(q[2], Narrow(bias, 0, 3*d, d))
		n := Tanh(Add(a[2], Mul(r, m)))
		h1 := Add(n, Mul(z, Sub(h, n)))
		return []*ir.Value{h1}, []*ir.Value{h1, h, Concat(1, r, z, n), m}
	})
	return []*ir.Value{ys[0], last[0], ys[1], ys[2], ys[3]}
}

// Grad is [GRUGradOp], and one product over all steps for weight.
func (op GRUOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	args := append([]*ir.Value{in[1], out[2], out[3], out[4]}, orZeros(gout, out, 0, 1)...)
	taped := gout[2] != nil || gout[3] != nil || gout[4] != nil
	if taped {
		args = append(args, orZeros(gout, out, 2, 4)...)
	}
	d := ir.Apply(GRUGradOp{Reverse: op.Reverse, Tape: taped}, withLengths(optionalAt(in, 4), args...)...)
	return []*ir.Value{d[0], overSteps(d[1], out[2]), d[2], d[3], nil}[:len(in)]
}

// GRUGradOp is the gradient of [GRUOp]. Of weight [3D D], prev [B T D], gates
// [B T 3D], inner [B T D], the gradients dy [B T D] and dh [B D] by outputs and
// last state, if Tape the gradients dprev, dgates and dinner by those results,
// and perhaps lengths, it makes dx [B T 3D], dq [B T 3D], the gradient by the
// products with weight, dbias [4D] and dh0 [B D]. From the last step to the
// first, with h from prev and m from inner,
//
//	dh += dy[:, t],  an = dh*(1-z) * (1-n^2),  az = dh*(h-n) * z*(1-z)
//	ar = an*m * r*(1-r)
//	dx[:, t] = ar, az, an,  dq[:, t] = ar, az, an*r
//	dh = dh*z + dq[:, t] weight
//
// where dgates adds to the factors of the slopes, dinner to an*r and dprev to dh
// at the end. The sum of dx and that of the last part of dq are dbias. At steps
// beyond its length the dx and dq of a row are 0, and its dh stays.
type GRUGradOp struct{ Reverse, Tape bool }

// Name is "gru_grad".
func (GRUGradOp) Name() string { return "gru_grad" }

// NumResults is 4.
func (GRUGradOp) NumResults() int { return 4 }

// Infer wants weight, prev, gates, inner, dy, dh, perhaps the gradients by the
// tape, and perhaps lengths.
func (op GRUGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	s, err := recurrence{gates: 3}.checkGrad(in, []int{1, 3, 1, 1}, 1, op.Tape, []int{1, 3, 1})
	if err != nil {
		return nil, err
	}
	return []ir.Type{s.sequence(3), s.sequence(3), s.bias(4), s.state}, nil
}

// Flops counts the products with weight, and thirty operations an element of dy.
func (GRUGradOp) Flops(in, _ []ir.Type) int64 { return recurrentFlops(in[1], in[0], 30) }

// Expand is the formula, as a scan.
func (op GRUGradOp) Expand(in []*ir.Value) []*ir.Value {
	weight, prev, gates, inner, dy, dh := in[0], in[1], in[2], in[3], in[4], in[5]
	xs := []*ir.Value{gates, prev, inner, dy}
	if op.Tape {
		xs = append(xs, in[6], in[7], in[8])
	}
	last, ys := overTime(!op.Reverse, lastIf(in, 6, op.Tape, 3), []*ir.Value{dh}, xs, func(state, x []*ir.Value) (next, ys []*ir.Value) {
		gate, h, m := parts(x[0], 3), x[1], x[2]
		r, z, n := gate[0], gate[1], gate[2]
		h1 := Add(state[0], x[3])
		dz, dn := Mul(h1, Sub(h, n)), Mul(h1, Sub(Scalar(z, 1), z))
		var more []*ir.Value
		if op.Tape {
			more = parts(x[5], 3)
			dz, dn = Add(dz, more[1]), Add(dn, more[2])
		}
		an := tanhSlope(n, dn)
		dr, dm := Mul(an, m), Mul(an, r)
		if op.Tape {
			dr, dm = Add(dr, more[0]), Add(dm, x[6])
		}
		ar, az := sigmoidSlope(r, dr), sigmoidSlope(z, dz)
		dq := Concat(1, ar, az, dm)
		h0 := Add(Mul(h1, z), MatMul(dq, weight))
		if op.Tape {
			h0 = Add(h0, x[4])
		}
		return []*ir.Value{h0}, []*ir.Value{Concat(1, ar, az, an), dq}
	})
	dx, dq, d := ys[0], ys[1], prev.Dim(2)
	return []*ir.Value{dx, dq, Concat(0, Sum(dx, 0, 1), Sum(Narrow(dq, 2, 2*d, d), 0, 1)), last[0]}
}
