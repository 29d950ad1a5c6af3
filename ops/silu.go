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

// Grad is one factor that depends on x alone: where it is computed together
// with y, it is all that has to be kept.
func (SiLUOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return ir.Apply(SiLUGradOp{}, in[0], gout[0])
}

// SiLUGradOp is the gradient of [SiLUOp] by x, of x and the gradient dy by y:
// with s = 1/(1 + e^-x),
//
//	dx = dy * s * (1 + x (1 - s))
type SiLUGradOp struct{}

// Name is "silu_grad".
func (SiLUGradOp) Name() string { return "silu_grad" }

// Infer wants x and a gradient of its type.
func (SiLUGradOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 2) }

// Flops counts five operations around a function worth about ten.
func (SiLUGradOp) Flops(in, _ []ir.Type) int64 { return 15 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op SiLUGradOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand is the formula.
func (SiLUGradOp) Expand(in []*ir.Value) []*ir.Value {
	x, dy := in[0], in[1]
	one, s := Scalar(x, 1), Sigmoid(x)
	return []*ir.Value{Mul(dy, Mul(s, Add(Mul(x, Sub(one, s)), one)))}
}
