package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// SliceOp takes, on each axis, the elements Start, Start+Step, ... below Limit,
// with 0 <= Start <= Limit <= extent and Step at least 1. Entries beyond the
// rank are 0.
type SliceOp struct{ Start, Limit, Step [shape.MaxRank]int }

// Slice takes x[start:limit:step] on each axis. A step of nil is 1 everywhere.
func Slice(x *ir.Value, start, limit, step []int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	op := SliceOp{}
	rank := x.Rank()
	if len(start) != rank || len(limit) != rank || step != nil && len(step) != rank {
		return fail(op.Name(), fmt.Errorf("wants start, limit and step for %d axes, got %v, %v and %v", rank, start, limit, step), x)
	}
	for a := range rank {
		op.Start[a], op.Limit[a], op.Step[a] = start[a], limit[a], 1
		if step != nil {
			op.Step[a] = step[a]
		}
	}
	return ir.Apply1(op, x)
}

// Narrow takes length elements of one axis from start on; a negative axis
// counts from the end.
func Narrow(x *ir.Value, axis, start, length int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	a, err := x.Shape().Axis(axis)
	if err != nil {
		return fail("slice", err, x)
	}
	from, to := make([]int, x.Rank()), x.Shape().Dims()
	from[a], to[a] = start, start+length
	return Slice(x, from, to, nil)
}

// Name is "slice".
func (SliceOp) Name() string { return "slice" }

// Infer counts the elements.
func (op SliceOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	dims := in[0].Shape.Dims()
	for a := range shape.MaxRank {
		start, limit, step := op.Start[a], op.Limit[a], op.Step[a]
		if a >= len(dims) {
			if start|limit|step != 0 {
				return nil, errors.New("has entries beyond the operand's rank")
			}
			continue
		}
		if start < 0 || start > limit || limit > dims[a] || step < 1 {
			return nil, fmt.Errorf("axis %d of %d elements has no slice %d:%d:%d", a, dims[a], start, limit, step)
		}
		dims[a] = 0
		if limit > start {
			dims[a] = (limit-start-1)/step + 1
		}
	}
	return one(in[0].DType, shape.Of(dims...))
}

// Flops is 0: elements are copied.
func (SliceOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Transposed has the axes in the new order.
func (op SliceOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	var to SliceOp
	for i, p := range perm {
		to.Start[i], to.Limit[i], to.Step[i] = op.Start[p], op.Limit[p], op.Step[p]
	}
	return to, true
}

// Eval copies.
func (op SliceOp) Eval(in, out []*tensor.Tensor) {
	strides := in[0].Shape().Strides()
	walk(out[0].Shape(), func(i int, at []int) {
		from := 0
		for a, p := range at {
			from += (op.Start[a] + p*op.Step[a]) * strides[a]
		}
		copyElement(out[0], i, in[0], from)
	})
}

// Grad pads with zeros.
func (op SliceOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() {
		return []*ir.Value{nil}
	}
	lo, hi, interior := make([]int, in[0].Rank()), make([]int, in[0].Rank()), make([]int, in[0].Rank())
	for a := range lo {
		n := out[0].Dim(a)
		lo[a], interior[a] = op.Start[a], op.Step[a]-1
		hi[a] = in[0].Dim(a) - lo[a] - n
		if n > 0 {
			hi[a] -= (n - 1) * interior[a]
		}
	}
	return []*ir.Value{Pad(gout[0], Scalar(gout[0], 0), lo, hi, interior)}
}
