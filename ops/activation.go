package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// The activations of this file are plain functions of other ops: they fuse to
// one loop. They take a floating-point value of any shape, keep NaN, and
// follow torch.nn.functional in value and in the side that the gradient takes
// at a kink. Where a branch that is not chosen could overflow, its operand is
// replaced first: 0 * Inf in the gradient would be NaN.

// LeakyReLU returns x where x > 0, slope*x elsewhere.
func LeakyReLU(x *ir.Value, slope float64) *ir.Value {
	return Select(Gt(x, Scalar(x, 0)), x, Mul(x, Scalar(x, slope)))
}

// PReLU returns x where x > 0, w*x elsewhere; x [B C ...], w [1] or [C].
func PReLU(x, w *ir.Value) *ir.Value {
	if x.Graph().Err() != nil {
		return x
	}
	if w.Rank() != 1 || w.Dim(0) != 1 && (x.Rank() < 2 || w.Dim(0) != x.Dim(1)) {
		x.Graph().Fail("prelu", "weight must have one element, or one for each channel on axis 1", []*ir.Value{x, w})
		return x
	}
	if w.Dim(0) == 1 {
		w = Reshape(w)
	} else {
		w = BroadcastInDim(w, x.Shape(), 1)
	}
	positive := Gt(x, Scalar(x, 0))
	return Select(positive, x, Mul(w, Select(positive, ZerosLike(x), x)))
}

// ELU returns x where x > 0, alpha*(e^x - 1) elsewhere.
//
// Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network
// learning by exponential linear units" (2015), equation 1.
func ELU(x *ir.Value, alpha float64) *ir.Value {
	negative := Le(x, Scalar(x, 0))
	below := Select(negative, x, ZerosLike(x))
	return Select(negative, Mul(Expm1(below), Scalar(x, alpha)), x)
}

// SELU returns 1.0507 * ELU(x, 1.67326): the constants that keep mean 0 and
// variance 1.
//
// Source: Klambauer and others, "Self-normalizing neural networks" (2017),
// equation 2.
func SELU(x *ir.Value) *ir.Value {
	const alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
	return Mul(ELU(x, alpha), Scalar(x, scale))
}

// CELU returns x where x > 0, alpha*(e^(x/alpha) - 1) elsewhere. An alpha of 0
// is a mistake.
//
// Source: Barron, "Continuously differentiable exponential linear units"
// (2017), equation 2.
func CELU(x *ir.Value, alpha float64) *ir.Value {
	if alpha == 0 {
		x.Graph().Fail("celu", "alpha can't be 0", []*ir.Value{x})
		return x
	}
	negative := Le(x, Scalar(x, 0))
	below := Select(negative, x, ZerosLike(x))
	return Select(negative, Mul(Expm1(Mul(below, Scalar(x, 1/alpha))), Scalar(x, alpha)), x)
}

// Softplus returns log(1 + e^(beta*x)) / beta, and x itself where beta*x >
// threshold. PyTorch's defaults are beta 1 and threshold 20. A threshold above
// 40 acts as 40, from where on the two are equal in float64.
func Softplus(x *ir.Value, beta, threshold float64) *ir.Value {
	return inFloat32(x, func(x *ir.Value) *ir.Value {
		z := Mul(x, Scalar(x, beta))
		linear := Gt(z, Scalar(x, min(threshold, 40)))
		soft := Log1p(Exp(Select(linear, ZerosLike(x), z)))
		return Select(linear, x, Mul(soft, Scalar(x, 1/beta)))
	})
}

// LogSigmoid returns log(1/(1 + e^-x)).
func LogSigmoid(x *ir.Value) *ir.Value { return Neg(Softplus(Neg(x), 1, 40)) }

// Softsign returns x / (1 + |x|).
func Softsign(x *ir.Value) *ir.Value { return Div(x, Add(Abs(x), Scalar(x, 1))) }

// Mish returns x * tanh(log(1 + e^x)).
//
// Source: Misra, "Mish: a self regularized non-monotonic activation function"
// (2019), equation 1.
func Mish(x *ir.Value) *ir.Value { return Mul(x, Tanh(Softplus(x, 1, 40))) }

// Hardsigmoid returns x/6 + 1/2 limited to 0..1. The gradient is 0 at -3 and 3; at
// NaN it is that between them, where PyTorch's is 0.
func Hardsigmoid(x *ir.Value) *ir.Value {
	return Mul(ReLU6(Add(x, Scalar(x, 3))), Scalar(x, 1.0/6))
}

// Tanhshrink returns x - tanh(x).
func Tanhshrink(x *ir.Value) *ir.Value { return Sub(x, Tanh(x)) }

// Softshrink moves x towards 0 by lambd, and to 0 where |x| <= lambd. A
// negative lambd is a mistake.
func Softshrink(x *ir.Value, lambd float64) *ir.Value {
	if !(lambd >= 0) {
		x.Graph().Fail("softshrink", fmt.Sprintf("lambd %v is negative", lambd), []*ir.Value{x})
		return x
	}
	l := Scalar(x, lambd)
	far := Select(Gt(x, ZerosLike(x)), Sub(x, l), Add(x, l))
	return Select(Le(Abs(x), l), ZerosLike(x), far)
}

// Hardshrink returns 0 where |x| <= lambd, x elsewhere.
func Hardshrink(x *ir.Value, lambd float64) *ir.Value {
	return Select(Le(Abs(x), Scalar(x, lambd)), ZerosLike(x), x)
}

// Threshold returns value where x <= threshold, x elsewhere.
func Threshold(x *ir.Value, threshold, value float64) *ir.Value {
	return Select(Le(x, Scalar(x, threshold)), Scalar(x, value), x)
}
