package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// RoPEOp turns pairs of numbers of each head by an angle that grows with the
// position. Operands: x [B T H K] and positions, i64 [T] or [B T]. With n
// Frequencies f and pair i below n, the numbers
//
//	a, b = x[i], x[i+n]       or, if Interleaved, x[2i], x[2i+1]
//	a, b = Scale (a cos - b sin), Scale (b cos + a sin)      of the angle position * f[i]
//
// and what is behind the pairs stays. Reverse turns by the negative angle: with
// a Scale of 1 it is the inverse, and it is the gradient. Angles, sines and
// cosines are computed in float64.
//
// Source: Su and others, "RoFormer" (2021), equation 34; halves as in GPT-NeoX
// and Llama of Hugging Face Transformers, pairs as in GPT-J.
type RoPEOp struct {
	Frequencies Frequencies
	Scale       float64
	Interleaved bool
	Reverse     bool
}

// Frequencies are numbers, in radians a position, as an attribute that can be
// compared: eight bytes for each.
type Frequencies string

// MakeFrequencies keeps a list.
func MakeFrequencies(list []float64) Frequencies {
	b := make([]byte, 8*len(list))
	for i, f := range list {
		for k := range 8 {
			b[8*i+k] = byte(math.Float64bits(f) >> (8 * k))
		}
	}
	return Frequencies(b)
}

// List is the list.
func (f Frequencies) List() []float64 {
	list := make([]float64, f.Len())
	for i := range list {
		bits := uint64(0)
		for k := range 8 {
			bits |= uint64(f[8*i+k]) << (8 * k)
		}
		list[i] = math.Float64frombits(bits)
	}
	return list
}

// Len is the number of frequencies.
func (f Frequencies) Len() int { return len(f) / 8 }

// RoPEFrequencies are those of RoFormer for a number of dims that are turned:
// f[i] = base^(-2i/dims).
func RoPEFrequencies(base float64, dims int) []float64 {
	f := make([]float64, dims/2)
	for i := range f {
		f[i] = math.Pow(base, -2*float64(i)/float64(dims))
	}
	return f
}

// RoPEOptions are the choices of [RoPE].
type RoPEOptions struct {
	Base        float64   // of the frequencies; Llama 3 has 500000, others 10000
	Dims        *int      // numbers of a head that are turned; nil: all
	Frequencies []float64 // in place of those that Base and Dims give
	Scale       *float64  // of what is turned; nil: 1
	Interleaved bool      // pairs are neighbours, not halves
	Positions   *ir.Value // integers [T] or [B T]; nil: 0, 1, 2, ...
}

// RoPE is [RoPEOp] of x [B T H K].
func RoPE(x *ir.Value, o RoPEOptions) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	op := RoPEOp{Scale: 1, Interleaved: o.Interleaved}
	if x.Rank() != 4 {
		return fail(op.Name(), errors.New("wants an operand [B T H K]"), x)
	}
	if o.Scale != nil {
		op.Scale = *o.Scale
	}
	f := o.Frequencies
	if f == nil {
		dims := x.Dim(3)
		if o.Dims != nil {
			dims = *o.Dims
		}
		if dims < 0 || dims%2 != 0 || dims > x.Dim(3) {
			return fail(op.Name(), fmt.Errorf("can't turn pairs of %d out of %d numbers", dims, x.Dim(3)), x)
		}
		if !(o.Base > 0) {
			return fail(op.Name(), fmt.Errorf("base %v is not positive", o.Base), x)
		}
		f = RoPEFrequencies(o.Base, dims)
	}
	op.Frequencies = MakeFrequencies(f)
	positions := whole(o.Positions)
	if positions == nil {
		positions = Iota(x.Graph(), dtype.Int64, shape.Of(x.Dim(1)), 0)
	}
	return applyWide(1, op, x, positions)[0]
}

// Name is "rope".
func (RoPEOp) Name() string { return "rope" }

func (op RoPEOp) String() string {
	return fmt.Sprintf("%d pairs scale %g interleaved %v reverse %v", op.Frequencies.Len(), op.Scale, op.Interleaved, op.Reverse)
}

// Infer wants x and positions.
func (op RoPEOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	x, positions := in[0].Shape, in[1]
	if x.Rank() != 4 {
		return nil, errors.New("wants an operand [B T H K]")
	}
	if row, all := shape.Of(x.Dim(1)), shape.Of(x.Dim(0), x.Dim(1)); positions.DType != dtype.Int64 || positions.Shape != row && positions.Shape != all {
		return nil, fmt.Errorf("wants positions i64%v or i64%v, got %v", row, all, positions)
	}
	if n := op.Frequencies.Len(); 2*n > x.Dim(3) {
		return nil, fmt.Errorf("can't turn %d pairs out of %d numbers", n, x.Dim(3))
	}
	for _, f := range append(op.Frequencies.List(), op.Scale) {
		if f-f != 0 {
			return nil, fmt.Errorf("wants finite frequencies and a finite scale, got %v", f)
		}
	}
	return in[:1], nil
}

// Flops counts four products and two sums a pair.
func (op RoPEOp) Flops(in, _ []ir.Type) int64 {
	k := in[0].Shape.Dim(3)
	return int64(in[0].Shape.Size()) * 6 * int64(op.Frequencies.Len()) / int64(max(k, 1))
}

// angles are those of each position and pair, float64 [T n] or [B T n].
func (op RoPEOp) angles(positions *ir.Value) *ir.Value {
	f := []*ir.Value{Full(positions.Graph(), dtype.Float64, shape.Of(0), 0)}
	for _, v := range op.Frequencies.List() {
		f = append(f, Full(positions.Graph(), dtype.Float64, shape.Of(1), v))
	}
	return Mul(Unsqueeze(Cast(positions, dtype.Float64), -1), Concat(0, f...))
}

// Expand is the formula.
func (op RoPEOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	dims := x.Shape().Dims()
	n := op.Frequencies.Len()
	angle := Unsqueeze(op.angles(in[1]), -2) // [T 1 n] or [B T 1 n]
	scaled := func(v *ir.Value) *ir.Value { return Cast(Mul(v, Scalar(v, op.Scale)), x.DType()) }
	sin, cos := scaled(Sin(angle)), scaled(Cos(angle))
	if op.Reverse {
		sin = Neg(sin)
	}
	turned, rest := Narrow(x, 3, 0, 2*n), Narrow(x, 3, 2*n, dims[3]-2*n)
	axis, split := 3, []int{dims[0], dims[1], dims[2], 2, n}
	if op.Interleaved {
		axis, split = 4, []int{dims[0], dims[1], dims[2], n, 2}
	}
	pairs := Reshape(turned, split...)
	half := func(i int) *ir.Value { return Reshape(Narrow(pairs, axis, i, 1), dims[0], dims[1], dims[2], n) }
	a, b := half(0), half(1)
	y := Concat(axis, Unsqueeze(Sub(Mul(a, cos), Mul(b, sin)), axis), Unsqueeze(Add(Mul(b, cos), Mul(a, sin)), axis))
	return []*ir.Value{Concat(3, Reshape(y, turned.Shape().Dims()...), rest)}
}

// Grad turns back.
func (op RoPEOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	op.Reverse = !op.Reverse
	return []*ir.Value{ir.Apply1(op, gout[0], in[1]), nil}
}
