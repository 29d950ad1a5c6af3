package ops

import "github.com/gradus-ml/gradus/ir"

// HardswishOp is x times [Hardsigmoid],
//
//	y = x * (x+3 limited to 0..6) / 6
//
// for a floating-point operand of any shape. At -Inf it is 0, where PyTorch has
// NaN; NaN stays NaN.
//
// Source: Howard and others, "Searching for MobileNetV3" (2019), section 5.2.
type HardswishOp struct{}

// Hardswish returns x * Hardsigmoid(x). The gradient is 0 at -3 and 1 at 3, and NaN
// at NaN, where PyTorch lets it through.
func Hardswish(x *ir.Value) *ir.Value { return applyWide(1, HardswishOp{}, x)[0] }

// Name is "hardswish".
func (HardswishOp) Name() string { return "hardswish" }

// Infer wants one floating-point operand.
func (HardswishOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 1) }

// Flops counts a sum, two limits and two products an element.
func (HardswishOp) Flops(in, _ []ir.Type) int64 { return 5 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op HardswishOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand is the formula. It compares nothing, so that no mask is kept for a
// backward pass that compares; six sixths are 1 in every type.
func (HardswishOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	return []*ir.Value{Mul(Maximum(x, Scalar(x, -3)), Hardsigmoid(x))}
}

// Grad is one factor that depends on x alone, [HardswishSlopeOp].
func (HardswishOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{Mul(gout[0], ir.Apply1(HardswishSlopeOp{}, in[0]))}
}

// HardswishSlopeOp is the derivative of [HardswishOp] at x:
//
//	0 where x <= -3, 1 where x >= 3, x/3 + 1/2 elsewhere
type HardswishSlopeOp struct{}

// Name is "hardswish_slope".
func (HardswishSlopeOp) Name() string { return "hardswish_slope" }

// Infer wants one floating-point operand.
func (HardswishSlopeOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 1) }

// Flops counts two comparisons, a product and a sum an element.
func (HardswishSlopeOp) Flops(in, _ []ir.Type) int64 { return 4 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op HardswishSlopeOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand compares and selects.
func (HardswishSlopeOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	ramp := Add(Mul(x, Scalar(x, 1.0/3)), Scalar(x, 0.5))
	return []*ir.Value{Select(Le(x, Scalar(x, -3)), ZerosLike(x), Select(Ge(x, Scalar(x, 3)), OnesLike(x), ramp))}
}
