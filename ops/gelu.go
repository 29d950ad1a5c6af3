package ops

import (
	"math"

	"github.com/gradus-ml/gradus/ir"
)

// GELUOp is the Gaussian error linear unit, for a floating-point operand of
// any shape:
//
//	y = x/2 * (1 + erf(x/sqrt(2)))                                without Tanh
//	y = x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))         with Tanh
//
// NaN stays NaN; -Inf gives NaN, as in PyTorch.
//
// Source: Hendrycks, Gimpel, "Gaussian error linear units" (2016), section 2.
type GELUOp struct{ Tanh bool }

// GELU returns x times the probability that a standard normal number is below x.
func GELU(x *ir.Value) *ir.Value { return applyWide(1, GELUOp{}, x)[0] }

// GELUTanh is the approximation of GELU that GPT-2 and BERT use.
func GELUTanh(x *ir.Value) *ir.Value { return applyWide(1, GELUOp{Tanh: true}, x)[0] }

// Name is "gelu".
func (GELUOp) Name() string { return "gelu" }

// Infer wants one floating-point operand.
func (GELUOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 1) }

// Flops counts the four operations around a function worth about ten.
func (GELUOp) Flops(in, _ []ir.Type) int64 { return 14 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op GELUOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand is the formula.
func (op GELUOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	half := Mul(x, Scalar(x, 0.5))
	var bell *ir.Value
	if op.Tanh {
		cube := Mul(Mul(x, Mul(x, x)), Scalar(x, 0.044715))
		bell = Tanh(Mul(Add(x, cube), Scalar(x, math.Sqrt2/math.SqrtPi)))
	} else {
		bell = Erf(Mul(x, Scalar(x, 1/math.Sqrt2)))
	}
	return []*ir.Value{Mul(half, Add(bell, Scalar(x, 1)))}
}
