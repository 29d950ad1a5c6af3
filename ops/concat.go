package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// ConcatOp puts tensors one behind the other along an axis; their other extents
// must agree.
type ConcatOp struct{ Axis int }

// Concat puts at least one tensor behind the other along an axis; a negative
// axis counts from the end.
func Concat(axis int, xs ...*ir.Value) *ir.Value {
	return ir.Apply1(ConcatOp{fromStart(xs[0], axis)}, xs...)
}

// Name is "concat".
func (ConcatOp) Name() string { return "concat" }

func (op ConcatOp) String() string { return fmt.Sprintf("axis %d", op.Axis) }

// Infer adds up the extents on the axis.
func (op ConcatOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if len(in) == 0 {
		return nil, errors.New("wants at least one operand")
	}
	s := in[0].Shape
	if op.Axis < 0 || op.Axis >= s.Rank() {
		return nil, fmt.Errorf("axis %d is outside a tensor of rank %d", op.Axis, s.Rank())
	}
	total := 0
	for _, t := range in {
		if t.DType != in[0].DType {
			return nil, errors.New("element types differ")
		}
		if t.Shape.Rank() != s.Rank() || t.Shape.With(op.Axis, 0) != s.With(op.Axis, 0) {
			return nil, fmt.Errorf("shapes differ on another axis than %d", op.Axis)
		}
		total += t.Shape.Dim(op.Axis)
	}
	return one(in[0].DType, s.With(op.Axis, total))
}

// Flops is 0: elements are copied.
func (ConcatOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Transposed works along the same axis where it has moved to.
func (op ConcatOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return ConcatOp{moved(op.Axis, perm)}, true
}

// Eval copies.
func (op ConcatOp) Eval(in, out []*tensor.Tensor) {
	strides := out[0].Shape().Strides()
	first := 0
	for _, x := range in {
		walk(x.Shape(), func(i int, at []int) {
			copyElement(out[0], offset(at, strides)+first*strides[op.Axis], x, i)
		})
		first += x.Shape().Dim(op.Axis)
	}
}

// Grad takes the parts apart again.
func (op ConcatOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	grads := make([]*ir.Value, len(in))
	if !in[0].DType().IsFloat() {
		return grads
	}
	first := 0
	for i, x := range in {
		grads[i] = Narrow(gout[0], op.Axis, first, x.Dim(op.Axis))
		first += x.Dim(op.Axis)
	}
	return grads
}
