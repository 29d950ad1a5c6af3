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
	return []*ir.Value{Mul(Mul(x, Scalar(x, 0.5)), Add(bell(x, op.Tanh), Scalar(x, 1)))}
}

// bell is erf(x/sqrt(2)), or what stands for it.
func bell(x *ir.Value, tanh bool) *ir.Value {
	if !tanh {
		return Erf(Mul(x, Scalar(x, 1/math.Sqrt2)))
	}
	cube := Mul(Mul(x, Mul(x, x)), Scalar(x, 0.044715))
	return Tanh(Mul(Add(x, cube), Scalar(x, math.Sqrt2/math.SqrtPi)))
}

// Grad is one factor that depends on x alone, [GELUSlopeOp]: where it is
// computed together with y, it is all that has to be kept.
func (op GELUOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{Mul(gout[0], ir.Apply1(GELUSlopeOp(op), in[0]))}
}

// GELUSlopeOp is the derivative of [GELUOp] at x:
//
//	(1 + erf(x/sqrt(2)))/2 + x e^(-x^2/2)/sqrt(2 pi)      without Tanh
//	(1 + t)/2 + x/2 (1 - t^2) u',  u = sqrt(2/pi) (x + 0.044715 x^3),  t = tanh(u)     with Tanh
type GELUSlopeOp struct{ Tanh bool }

// Name is "gelu_slope".
func (GELUSlopeOp) Name() string { return "gelu_slope" }

// Infer wants one floating-point operand.
func (GELUSlopeOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 1) }

// Flops counts the nine operations around a function worth about ten.
func (GELUSlopeOp) Flops(in, _ []ir.Type) int64 { return 19 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op GELUSlopeOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand is the formula.
func (op GELUSlopeOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	k := func(v float64) *ir.Value { return Scalar(x, v) }
	square, t := Mul(x, x), bell(x, op.Tanh)
	below := Mul(Add(t, k(1)), k(0.5))
	if !op.Tanh {
		density := Mul(Exp(Mul(square, k(-0.5))), k(1/math.Sqrt(2*math.Pi)))
		return []*ir.Value{Add(Mul(x, density), below)}
	}
	const c = math.Sqrt2 / math.SqrtPi
	slope := Add(Mul(square, k(3*0.044715*c)), k(c)) // of u
	half := Mul(Mul(x, k(0.5)), Sub(k(1), Mul(t, t)))
	return []*ir.Value{Add(Mul(half, slope), below)}
}
