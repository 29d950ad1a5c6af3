package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// PadOp widens a tensor with a value. Operands: x, and the value, of rank 0 and
// the element type of x. On each axis Interior values go between neighbours, Lo
// before the first and Hi behind the last element; a negative Lo or Hi cuts
// off, after the interior values went in. The extent of an axis of n elements
// becomes Lo + n + (n-1) Interior + Hi, without the third part for n of 0.
// Entries beyond the rank are 0.
type PadOp struct{ Lo, Hi, Interior [shape.MaxRank]int }

// Pad widens x with a value of rank 0. An interior of nil is 0 everywhere.
func Pad(x, value *ir.Value, lo, hi, interior []int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	op := PadOp{}
	rank := x.Rank()
	if len(lo) != rank || len(hi) != rank || interior != nil && len(interior) != rank {
		return fail(op.Name(), fmt.Errorf("wants lo, hi and interior for %d axes, got %v, %v and %v", rank, lo, hi, interior), x, value)
	}
	copy(op.Lo[:], lo)
	copy(op.Hi[:], hi)
	copy(op.Interior[:], interior)
	return ir.Apply1(op, x, value)
}

// Name is "pad".
func (PadOp) Name() string { return "pad" }

// Infer wants x and a value.
func (op PadOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if in[1] != (ir.Type{DType: in[0].DType}) {
		return nil, errors.New("wants a value of rank 0 and of the operand's element type")
	}
	dims := in[0].Shape.Dims()
	for a := range shape.MaxRank {
		lo, hi, interior := op.Lo[a], op.Hi[a], op.Interior[a]
		if a >= len(dims) {
			if lo|hi|interior != 0 {
				return nil, errors.New("has entries beyond the operand's rank")
			}
			continue
		}
		if interior < 0 {
			return nil, fmt.Errorf("axis %d: %d values between neighbours are negative", a, interior)
		}
		n := dims[a]
		if dims[a] = lo + n + max(n-1, 0)*interior + hi; dims[a] < 0 {
			return nil, fmt.Errorf("axis %d of %d elements can't lose %d and %d", a, n, -lo, -hi)
		}
	}
	s, err := shape.Make(dims...)
	if err != nil {
		return nil, err
	}
	return one(in[0].DType, s)
}

// Flops is 0: elements are copied.
func (PadOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Transposed has the axes in the new order.
func (op PadOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	var to PadOp
	for i, p := range perm {
		to.Lo[i], to.Hi[i], to.Interior[i] = op.Lo[p], op.Hi[p], op.Interior[p]
	}
	return to, true
}

// each calls f with the positions in x and y of the elements that are kept.
func (op PadOp) each(x, y shape.Shape, f func(xi, yi int)) {
	strides := y.Strides()
	walk(x, func(xi int, at []int) {
		yi := 0
		for a, p := range at {
			p = op.Lo[a] + p*(op.Interior[a]+1)
			if p < 0 || p >= y.Dim(a) {
				return // cut off
			}
			yi += p * strides[a]
		}
		f(xi, yi)
	})
}

// Eval fills and copies.
func (op PadOp) Eval(in, out []*tensor.Tensor) {
	for i := range out[0].Size() {
		copyElement(out[0], i, in[1], 0)
	}
	op.each(in[0].Shape(), out[0].Shape(), func(xi, yi int) { copyElement(out[0], yi, in[0], xi) })
}

// Grad cuts the padding off again; the value gets the sum of the rest.
func (op PadOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() {
		return []*ir.Value{nil, nil}
	}
	g, x := gout[0], in[0]
	zero := Scalar(g, 0)
	rank := x.Rank()
	lo, hi, zeros := make([]int, rank), make([]int, rank), make([]int, rank)
	limit, step := make([]int, rank), make([]int, rank)
	for a := range rank {
		lo[a], hi[a] = -op.Lo[a], -op.Hi[a]
		step[a] = op.Interior[a] + 1
		limit[a] = x.Dim(a) + max(x.Dim(a)-1, 0)*op.Interior[a]
	}
	// Taking Lo and Hi back gives x with its interior values; what had been cut
	// off comes back as zeros.
	gx := Slice(Pad(g, zero, lo, hi, nil), zeros, limit, step)
	// What g has where elements of x went is no part of the value's gradient.
	kept := ir.Apply1(op, OnesLike(x), zero)
	return []*ir.Value{gx, Sum(Select(Eq(kept, zero), g, zero))}
}
