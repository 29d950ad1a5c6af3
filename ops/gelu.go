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

// Grad is one factor that depends on x alone: where it is computed together
// with y, it is all that has to be kept.
func (op GELUOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return ir.Apply(GELUGradOp(op), in[0], gout[0])
}

// GELUGradOp is the gradient of [GELUOp] by x, of x and the gradient dy by y:
//
//	dx = dy * ((1 + erf(x/sqrt(2)))/2 + x e^(-x^2/2)/sqrt(2 pi))      without Tanh
//	dx = dy * ((1 + t)/2 + x/2 (1 - t^2) u'),  u = sqrt(2/pi) (x + 0.044715 x^3),  t = tanh(u)     with Tanh
type GELUGradOp struct{ Tanh bool }

// Name is "gelu_grad".
func (GELUGradOp) Name() string { return "gelu_grad" }

// Infer wants x and a gradient of its type.
func (GELUGradOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 2) }

// Flops counts the ten operations around a function worth about ten.
func (GELUGradOp) Flops(in, _ []ir.Type) int64 { return 20 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op GELUGradOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand is the formula.
func (op GELUGradOp) Expand(in []*ir.Value) []*ir.Value {
	x, dy := in[0], in[1]
	k := func(v float64) *ir.Value { return Scalar(x, v) }
	square, t := Mul(x, x), bell(x, op.Tanh)
	below := Mul(Add(t, k(1)), k(0.5))
	if !op.Tanh {
		density := Mul(Exp(Mul(square, k(-0.5))), k(1/math.Sqrt(2*math.Pi)))
		return []*ir.Value{Mul(dy, Add(Mul(x, density), below))}
	}
	const c = math.Sqrt2 / math.SqrtPi
	slope := Add(Mul(square, k(3*0.044715*c)), k(c)) // of u
	half := Mul(Mul(x, k(0.5)), Sub(k(1), Mul(t, t)))
	return []*ir.Value{Mul(dy, Add(Mul(half, slope), below))}
}
