package ops

import "github.com/gradus-ml/gradus/ir"

// SiLUOp is the sigmoid linear unit, also called swish,
//
//	y = x / (1 + e^-x)
//
// for a floating-point operand of any shape. NaN stays NaN; -Inf gives NaN, as
// in PyTorch.
//
// Source: Hendrycks, Gimpel, "Gaussian error linear units" (2016), section 2.
type SiLUOp struct{}

// SiLU returns x * sigmoid(x).
func SiLU(x *ir.Value) *ir.Value { return applyWide(1, SiLUOp{}, x)[0] }

// Name is "silu".
func (SiLUOp) Name() string { return "silu" }

// Infer wants one floating-point operand.
func (SiLUOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 1) }

// Flops counts a product and a function worth about ten.
func (SiLUOp) Flops(in, _ []ir.Type) int64 { return 11 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op SiLUOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand is the formula.
func (SiLUOp) Expand(in []*ir.Value) []*ir.Value {
	return []*ir.Value{Mul(in[0], Sigmoid(in[0]))}
}

// Grad is one factor that depends on x alone, [SiLUSlopeOp]: where it is
// computed together with y, it is all that has to be kept.
func (SiLUOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{Mul(gout[0], ir.Apply1(SiLUSlopeOp{}, in[0]))}
}

// SiLUSlopeOp is the derivative of [SiLUOp] at x: with s = 1/(1 + e^-x),
//
//	s * (1 + x (1 - s))
type SiLUSlopeOp struct{}

// Name is "silu_slope".
func (SiLUSlopeOp) Name() string { return "silu_slope" }

// Infer wants one floating-point operand.
func (SiLUSlopeOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 1) }

// Flops counts four operations around a function worth about ten.
func (SiLUSlopeOp) Flops(in, _ []ir.Type) int64 { return 14 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op SiLUSlopeOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand is the formula.
func (SiLUSlopeOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	one, s := Scalar(x, 1), Sigmoid(x)
	return []*ir.Value{Mul(s, Add(Mul(x, Sub(one, s)), one))}
}
