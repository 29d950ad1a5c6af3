package ops

import "github.com/gradus-ml/gradus/ir"

// LogSoftmaxOp is the logarithm of the softmax along an axis of a
// floating-point operand,
//
//	y = (x - max x) - log(sum e^(x - max x))
//
// which is exact where the softmax itself would round to 0 or 1. An element of
// -Inf stays -Inf. A slice that holds NaN or +Inf, or nothing but -Inf,
// becomes NaN, as in PyTorch.
type LogSoftmaxOp struct{ Axis int }

// LogSoftmax applies the log-softmax along an axis; a negative one counts from
// the end.
func LogSoftmax(x *ir.Value, axis int) *ir.Value {
	return applyWide(1, LogSoftmaxOp{fromStart(x, axis)}, x)[0]
}

// Name is "log_softmax".
func (LogSoftmaxOp) Name() string { return "log_softmax" }

// Infer wants one floating-point operand that has the axis.
func (op LogSoftmaxOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferAlong(op.Axis, in, 1) }

// Flops counts maximum, two differences and sum, and about ten for e^x.
func (LogSoftmaxOp) Flops(in, _ []ir.Type) int64 { return 14 * int64(in[0].Shape.Size()) }

// Transposed works along the same axis where it has moved to.
func (op LogSoftmaxOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return LogSoftmaxOp{moved(op.Axis, perm)}, true
}

// Expand is the formula.
func (op LogSoftmaxOp) Expand(in []*ir.Value) []*ir.Value {
	d := lessMax(in[0], op.Axis)
	return []*ir.Value{Sub(d, KeepDims(Log(Sum(Exp(d), op.Axis)), d, op.Axis))}
}

// Grad reads the result instead of the operand, which then need not be kept.
func (op LogSoftmaxOp) Grad(_, out, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{ir.Apply1(LogSoftmaxGradOp(op), out[0], gout[0])}
}

// LogSoftmaxGradOp is the gradient of [LogSoftmaxOp]: of y, its result, and g,
// the gradient by y, it makes
//
//	dx = g - e^y * sum(g)
//
// with the sum along the axis.
type LogSoftmaxGradOp struct{ Axis int }

// Name is "log_softmax_grad".
func (LogSoftmaxGradOp) Name() string { return "log_softmax_grad" }

// Infer wants two floating-point operands of one type that have the axis.
func (op LogSoftmaxGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	return inferAlong(op.Axis, in, 2)
}

// Flops counts sum, product and difference, and about ten for e^y.
func (LogSoftmaxGradOp) Flops(in, _ []ir.Type) int64 { return 13 * int64(in[0].Shape.Size()) }

// Transposed works along the same axis where it has moved to.
func (op LogSoftmaxGradOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return LogSoftmaxGradOp{moved(op.Axis, perm)}, true
}

// Expand is the formula.
func (op LogSoftmaxGradOp) Expand(in []*ir.Value) []*ir.Value {
	y, g := in[0], in[1]
	return []*ir.Value{Sub(g, Mul(Exp(y), KeepDims(Sum(g, op.Axis), g, op.Axis)))}
}
