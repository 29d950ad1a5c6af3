package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// SoftmaxOp makes the slices of a floating-point operand along an axis
// positive with sum 1:
//
//	y = e^(x - max x) / sum e^(x - max x)
//
// Subtracting the maximum changes nothing but keeps e^x from overflowing. An
// element of -Inf gives 0. A slice that holds NaN or +Inf, or nothing but
// -Inf, becomes NaN, as in PyTorch.
type SoftmaxOp struct{ Axis int }

// Softmax applies the softmax along an axis; a negative one counts from the end.
func Softmax(x *ir.Value, axis int) *ir.Value {
	return applyWide(1, SoftmaxOp{fromStart(x, axis)}, x)[0]
}

// fromStart maps an axis that counts from the end to 0..rank-1. One that is
// outside stays as it is, for Infer to complain about.
func fromStart(x *ir.Value, axis int) int {
	if a, err := x.Shape().Axis(axis); err == nil {
		return a
	}
	return axis
}

// inferAlong is the shape rule of composites along an axis: n floating-point
// operands of one type, and one result of that type.
func inferAlong(axis int, in []ir.Type, n int) ([]ir.Type, error) {
	out, err := inferFloats(in, n)
	if err == nil && (axis < 0 || axis >= in[0].Shape.Rank()) {
		err = fmt.Errorf("axis %d is outside a tensor of rank %d", axis, in[0].Shape.Rank())
	}
	return out, err
}

// moved tells where an axis comes to lie when axes are put in the order perm.
func moved(axis int, perm []int) int { return Inverse(perm)[axis] }

// Name is "softmax".
func (SoftmaxOp) Name() string { return "softmax" }

// Infer wants one floating-point operand that has the axis.
func (op SoftmaxOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferAlong(op.Axis, in, 1) }

// Flops counts maximum, difference, sum and quotient, and about ten for e^x.
func (SoftmaxOp) Flops(in, _ []ir.Type) int64 { return 14 * int64(in[0].Shape.Size()) }

// Transposed works along the same axis where it has moved to.
func (op SoftmaxOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return SoftmaxOp{moved(op.Axis, perm)}, true
}

// Expand is the formula.
func (op SoftmaxOp) Expand(in []*ir.Value) []*ir.Value {
	e := Exp(lessMax(in[0], op.Axis))
	return []*ir.Value{Div(e, KeepDims(Sum(e, op.Axis), e, op.Axis))}
}

// lessMax subtracts from each slice along an axis its largest element. What
// depends on x only up to a constant has no gradient by that maximum.
func lessMax(x *ir.Value, axis int) *ir.Value {
	return Sub(x, KeepDims(StopGradient(Amax(x, axis)), x, axis))
}

// Grad reads the result instead of the operand, which then need not be kept.
func (op SoftmaxOp) Grad(_, out, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{ir.Apply1(SoftmaxGradOp(op), out[0], gout[0])}
}

// SoftmaxGradOp is the gradient of [SoftmaxOp]: of y, its result, and g, the
// gradient by y, it makes
//
//	dx = y * (g - sum(y*g))
//
// with the sum along the axis.
type SoftmaxGradOp struct{ Axis int }

// Name is "softmax_grad".
func (SoftmaxGradOp) Name() string { return "softmax_grad" }

// Infer wants two floating-point operands of one type that have the axis.
func (op SoftmaxGradOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferAlong(op.Axis, in, 2) }

// Flops counts two products, a sum and a difference.
func (SoftmaxGradOp) Flops(in, _ []ir.Type) int64 { return 4 * int64(in[0].Shape.Size()) }

// Transposed works along the same axis where it has moved to.
func (op SoftmaxGradOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return SoftmaxGradOp{moved(op.Axis, perm)}, true
}

// Expand is the formula.
func (op SoftmaxGradOp) Expand(in []*ir.Value) []*ir.Value {
	y, g := in[0], in[1]
	dot := KeepDims(Sum(Mul(y, g), op.Axis), y, op.Axis)
	return []*ir.Value{Mul(y, Sub(g, dot))}
}
