package kernel

import "unsafe"

// A Cell is the arithmetic of one step of a recurrent layer for one sample.
type Cell uint8

// The cells. Gates, in the order of weights, are i f g o of an LSTM and r z n of
// a GRU.
const (
	LSTMCell Cell = iota
	GRUCell
	TanhCell
	ReLUCell
)

// gates counts the parts of D of a row of the weight, biases those of the bias.
func (c Cell) gates() int  { return [...]int{4, 3, 1, 1}[c] }
func (c Cell) biases() int { return [...]int{4, 4, 1, 1}[c] }

// A cellRow describes n units of one sample at one step; the assembly reads it
// by offset. What a gate has of its own begins stride bytes after the gate
// before. Memory is distinct, but x may be gates, and gates dx.
type cellRow struct {
	n, stride int

	z     *float32 // the products h weightᵀ, overwritten; backwards the gradient by them
	x     *float32 // the products of the input
	bias  *float32
	gates *float32 // activated; backwards of simple cells y
	state *float32 // c of an LSTM before the step, and after it; h of a GRU before the step
	tape  *float32 // c of an LSTM before the step; r is a factor of it in a GRU
	h, y  *float32 // both h after the step
	dy    *float32
	dh    *float32 // by h after the step; becomes what reaches h before it, but for the product
	dc    *float32 // by c after the step; becomes that before it
	dx    *float32
	dq    *float32 // a GRU's gradient by the products, for later
	db    *float32 // sum of dx, in a GRU also of the last part of dq
	tmp   *float32 // n floats
}

// cells are the functions of one instruction set for whole cells. Where there
// is none, [Vec] composes it.
type cells struct {
	forward, backward [4]func(r *cellRow)
}

// part returns the units of gate k that begin at p.
func (r *cellRow) part(p *float32, k int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p), k*r.stride)), r.n)
}

// maxUnits bounds the units of one call into assembly.
const maxUnits = 4096

// pieces calls f for all units, not too many at a time.
func (r *cellRow) pieces(f func(r *cellRow)) {
	n := r.n
	for rest := n; ; {
		r.n = min(rest, maxUnits)
		f(r)
		if rest -= r.n; rest == 0 {
			break
		}
		for i, p := range r.pointers() {
			r.pointers()[i] = elem(p, r.n)
		}
	}
	r.n = n
}

// pointers are all of the row's.
func (r *cellRow) pointers() *[15]*float32 { return (*[15]*float32)(unsafe.Pointer(&r.z)) }

// cellForward does one step of n units:
//
//	LSTM  i, f, g, o = gates of z + x + bias;  tape = c;  c = f*c + i*g;  h = o*tanh(c)
//	GRU   r, z of z + x + bias;  m = z2 + bias3;  n = tanh(r*m + x2 + bias2);  h = n + z*(h-n)
//	else  h = f(z + x + bias)
func (v *Vec) cellForward(c Cell, r *cellRow) {
	if f := v.cells.forward[c]; f != nil {
		r.pieces(f)
		return
	}
	var z [4][]float32
	for k := range c.gates() {
		z[k] = r.part(r.z, k)
		if c != GRUCell || k < 2 {
			v.Run(Add, z[k], z[k], r.part(r.x, k), nil, 0, 0)
			v.Run(Add, z[k], z[k], r.part(r.bias, k), nil, 0, 0)
		}
	}
	h := r.part(r.h, 0)
	switch c {
	case LSTMCell:
		i, f, g, o, c := z[0], z[1], z[2], z[3], r.part(r.state, 0)
		v.Run(Sigmoid, i, i, nil, nil, 0, 0)
		v.Run(Sigmoid, f, f, nil, nil, 0, 0)
		v.Run(Tanh, g, g, nil, nil, 0, 0)
		v.Run(Sigmoid, o, o, nil, nil, 0, 0)
		copy(r.part(r.tape, 0), c)
		v.Run(Mul, c, f, c, nil, 0, 0)
		v.Run(Fma, c, i, g, c, 0, 0)
		v.Run(Tanh, h, c, nil, nil, 0, 0)
		v.Run(Mul, h, h, o, nil, 0, 0)
	case GRUCell:
		gate, update, n := z[0], z[1], z[2]
		v.Run(Sigmoid, gate, gate, nil, nil, 0, 0)
		v.Run(Sigmoid, update, update, nil, nil, 0, 0)
		v.Run(Add, n, n, r.part(r.bias, 3), nil, 0, 0)
		copy(r.part(r.tape, 0), n)
		v.Run(Fma, n, gate, n, r.part(r.x, 2), 0, 0)
		v.Run(Add, n, n, r.part(r.bias, 2), nil, 0, 0)
		v.Run(Tanh, n, n, nil, nil, 0, 0)
		v.Run(Sub, h, r.part(r.state, 0), n, nil, 0, 0)
		v.Run(Fma, h, update, h, n, 0, 0)
	case TanhCell:
		v.Run(Tanh, h, z[0], nil, nil, 0, 0)
	case ReLUCell:
		v.Run(Relu, h, z[0], nil, nil, 0, 0)
	}
	if c == LSTMCell || c == GRUCell {
		for k := range c.gates() {
			copy(r.part(r.gates, k), z[k])
		}
	}
	copy(r.part(r.y, 0), h)
}

// cellBackward is the gradient of cellForward by one step of n units. It takes
// gates, tape and state, or y in their place, and dy, dh and dc.
func (v *Vec) cellBackward(c Cell, r *cellRow) {
	if f := v.cells.backward[c]; f != nil {
		r.pieces(f)
		return
	}
	var z, gate [4][]float32
	for k := range c.gates() {
		z[k], gate[k] = r.part(r.z, k), r.part(r.gates, k)
	}
	dh, tmp := r.part(r.dh, 0), r.part(r.tmp, 0)
	v.Run(Add, dh, dh, r.part(r.dy, 0), nil, 0, 0)
	// slope is y*(1-y).
	slope := func(y []float32) []float32 {
		v.Run(RSubS, tmp, y, nil, nil, 1, 0)
		v.Run(Mul, tmp, tmp, y, nil, 0, 0)
		return tmp
	}
	// square is 1 - y^2.
	square := func(y []float32) []float32 {
		v.Run(Square, tmp, y, nil, nil, 0, 0)
		v.Run(RSubS, tmp, tmp, nil, nil, 1, 0)
		return tmp
	}
	switch c {
	case LSTMCell:
		i, f, g, o, c, dc := gate[0], gate[1], gate[2], gate[3], r.part(r.tape, 0), r.part(r.dc, 0)
		s := z[0] // tanh of c after the step
		v.Run(Mul, s, f, c, nil, 0, 0)
		v.Run(Fma, s, i, g, s, 0, 0)
		v.Run(Tanh, s, s, nil, nil, 0, 0)
		v.Run(Mul, z[3], dh, s, nil, 0, 0)
		v.Run(Mul, dh, dh, o, nil, 0, 0)
		v.Run(Fma, dc, dh, square(s), dc, 0, 0)
		v.Run(Mul, z[3], z[3], slope(o), nil, 0, 0)
		v.Run(Mul, z[2], dc, i, nil, 0, 0)
		v.Run(Mul, z[2], z[2], square(g), nil, 0, 0)
		v.Run(Mul, z[1], dc, c, nil, 0, 0)
		v.Run(Mul, z[1], z[1], slope(f), nil, 0, 0)
		v.Run(Mul, z[0], dc, g, nil, 0, 0)
		v.Run(Mul, z[0], z[0], slope(i), nil, 0, 0)
		v.Run(Mul, dc, dc, f, nil, 0, 0)
		clear(dh)
	case GRUCell:
		gate, update, n, m := gate[0], gate[1], gate[2], r.part(r.tape, 0)
		v.Run(Sub, z[1], r.part(r.state, 0), n, nil, 0, 0)
		v.Run(Mul, z[1], z[1], dh, nil, 0, 0)
		v.Run(Mul, z[1], z[1], slope(update), nil, 0, 0)
		v.Run(RSubS, z[2], update, nil, nil, 1, 0)
		v.Run(Mul, z[2], z[2], dh, nil, 0, 0)
		v.Run(Mul, z[2], z[2], square(n), nil, 0, 0)
		v.Run(Mul, dh, dh, update, nil, 0, 0)
		v.Run(Mul, z[0], z[2], m, nil, 0, 0)
		v.Run(Mul, z[0], z[0], slope(gate), nil, 0, 0)
		v.Run(Mul, tmp, z[2], gate, nil, 0, 0)
	case TanhCell:
		v.Run(Mul, z[0], dh, square(gate[0]), nil, 0, 0)
		clear(dh)
	case ReLUCell:
		v.Run(ReluGrad, z[0], dh, gate[0], nil, 0, 0)
		clear(dh)
	}
	for k := range c.gates() {
		copy(r.part(r.dx, k), z[k])
		v.AddTo(r.part(r.db, k), z[k])
	}
	if c == GRUCell {
		copy(z[2], tmp)
		v.AddTo(r.part(r.db, 3), tmp)
		for k := range c.gates() {
			copy(r.part(r.dq, k), z[k])
		}
	}
}
