package ops

import (
	"errors"
	"math"

	"github.com/gradus-ml/gradus/ir"
)

// VectorNorm returns the p-norm of a floating-point x along axes, all of them if
// none is named, and drops them:
//
//	sum(|x|^p)^(1/p)      for any p but
//	sum(x != 0)           p = 0, without a gradient
//	max |x|, min |x|      p = Inf, -Inf
//
// p = 2 is the Euclidean norm, and the Frobenius norm along two axes. NaN wins.
// Elements of 0 get no gradient, nor does anything where the norm is 0. Equal
// winners of p = Inf and -Inf share it evenly; there a NaN makes all NaN, where
// PyTorch has 0. Along an axis without elements the norm is 0 for p >= 0; for
// others it is a mistake, and so is a p of NaN.
//
// Source: torch.linalg.vector_norm (2.15).
func VectorNorm(x *ir.Value, p float64, axes ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if err := floating(x.Type()); err != nil {
		return fail("vector_norm", err, x)
	}
	if x.DType().IsHalf() {
		return inFloat32(x, func(x *ir.Value) *ir.Value { return VectorNorm(x, p, axes...) })
	}
	var y *ir.Value
	switch {
	case p == 0:
		return Sum(Cast(truth(x), x.DType()), axes...)
	case p == 1:
		return Sum(Abs(x), axes...)
	case p == 2:
		return sqrtOfSum(Sum(Square(x), axes...))
	case p != p:
		return fail("vector_norm", errors.New("p is NaN"), x)
	case math.IsInf(p, 1):
		y = Amax(Abs(x), axes...)
	case math.IsInf(p, -1):
		y = Amin(Abs(x), axes...)
	default:
		zero := Eq(x, Scalar(x, 0))
		power := Pow(Select(zero, OnesLike(x), Abs(x)), Scalar(x, p))
		y = Pow(Sum(Select(zero, Scalar(x, math.Pow(0, p)), power), axes...), Scalar(x, 1/p))
	}
	if x.Shape().Size() == 0 && y.Shape().Size() > 0 && (p < 0 || math.IsInf(p, 1)) {
		return fail("vector_norm", errors.New("there is no element to choose from"), x)
	}
	return y
}

// FrobeniusNorm returns the square root of the sum of squares of each matrix of
// the last two axes.
func FrobeniusNorm(x *ir.Value) *ir.Value { return VectorNorm(x, 2, -2, -1) }
