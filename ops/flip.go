package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// FlipOp reverses the order of the elements along some axes. Axes is a set of
// bits: bit i for axis i.
//
// Source: torch.flip.
type FlipOp struct{ Axes uint8 }

// Flip reverses x along axes; a negative axis counts from the end. Without
// axes x itself is returned.
func Flip(x *ir.Value, axes ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	var op FlipOp
	for _, axis := range axes {
		a, err := x.Shape().Axis(axis)
		if err == nil && op.Axes>>a&1 == 1 {
			err = fmt.Errorf("axis %d is named twice", axis)
		}
		if err != nil {
			return fail(op.Name(), err, x)
		}
		op.Axes |= 1 << a
	}
	if op.Axes == 0 {
		return x
	}
	return ir.Apply1(op, x)
}

// Name is "flip".
func (FlipOp) Name() string { return "flip" }

func (op FlipOp) String() string { return fmt.Sprint(ReduceOp{Axes: op.Axes}.List()) }

// Has reports whether the op reverses an axis.
func (op FlipOp) Has(axis int) bool { return op.Axes>>axis&1 == 1 }

// Infer checks the axes.
func (op FlipOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if op.Axes>>in[0].Shape.Rank() != 0 {
		return nil, fmt.Errorf("axes %v are not all inside a tensor of rank %d", op, in[0].Shape.Rank())
	}
	return in, nil
}

// Flops is 0: elements are copied.
func (FlipOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Transposed reverses the same axes where they have moved to.
func (op FlipOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	var to FlipOp
	for i, p := range perm {
		if op.Has(p) {
			to.Axes |= 1 << i
		}
	}
	return to, true
}

// From says where in x the elements of the result are: that at position 0, and
// how far apart neighbours lie on each axis.
func (op FlipOp) From(x shape.Shape) (base int, strides []int) {
	strides = x.Strides()
	for a := range strides {
		if op.Has(a) {
			base += (x.Dim(a) - 1) * strides[a]
			strides[a] = -strides[a]
		}
	}
	return base, strides
}

// Eval copies.
func (op FlipOp) Eval(in, out []*tensor.Tensor) {
	base, strides := op.From(in[0].Shape())
	walk(out[0].Shape(), func(i int, at []int) { copyElement(out[0], i, in[0], base+offset(at, strides)) })
}

// Grad reverses back.
func (op FlipOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() {
		return []*ir.Value{nil}
	}
	return []*ir.Value{ir.Apply1(op, gout[0])}
}
