package ops

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
)

// The functions of this file are compositions of element-wise ops: they fuse to
// one loop. Operands broadcast.

// Reciprocal returns 1/x of a floating-point x: an infinity at zeros, of their
// sign.
func Reciprocal(x *ir.Value) *ir.Value {
	if x.Graph().Err() == nil && !x.DType().IsFloat() {
		return fail("reciprocal", floating(x.Type()), x)
	}
	return Div(Scalar(x, 1), x)
}

// Square returns x*x; integers wrap around.
func Square(x *ir.Value) *ir.Value { return Mul(x, x) }

// Frac returns x - Trunc(x), with the sign of x: NaN for infinities. The
// gradient is 1 everywhere.
func Frac(x *ir.Value) *ir.Value { return Sub(x, Trunc(x)) }

// Logit returns log(x / (1-x)), the inverse of the sigmoid: -Inf at 0, Inf at 1;
// NaN, gradient included, outside 0..1.
func Logit(x *ir.Value) *ir.Value {
	return inFloat32(x, func(x *ir.Value) *ir.Value {
		outside := Or(Lt(x, Scalar(x, 0)), Gt(x, Scalar(x, 1)))
		return logOdds(Add(x, Select(outside, Scalar(x, math.NaN()), Scalar(x, 0))))
	})
}

// LogitClamped returns Logit(x) of x limited to eps..1-eps, torch.logit with eps.
// The gradient is 0 beyond the limits, not at them. An eps outside 0..1/2 is a
// mistake.
func LogitClamped(x *ir.Value, eps float64) *ir.Value {
	if x.Graph().Err() == nil && !(eps >= 0 && eps <= 0.5) {
		return fail("logit", fmt.Errorf("eps %v is outside 0..0.5", eps), x)
	}
	return inFloat32(x, func(x *ir.Value) *ir.Value {
		lo, hi := Scalar(x, eps), Scalar(x, 1-eps)
		return logOdds(Select(Lt(x, lo), lo, Select(Gt(x, hi), hi, x)))
	})
}

func logOdds(x *ir.Value) *ir.Value { return Sub(Log(x), Log1p(Neg(x))) }

// Lerp returns x + w*(y-x), and y - (1-w)*(y-x) where |w| >= 1/2, so that w = 1
// gives y. The weight w may be a [Scalar].
func Lerp(x, y, w *ir.Value) *ir.Value {
	d := Sub(y, x)
	near := Lt(Abs(w), Scalar(w, 0.5))
	return Add(Select(near, x, y), Mul(Select(near, w, Sub(w, Scalar(w, 1))), d))
}

// IsNaN tells which elements are NaN; no integer is.
func IsNaN(x *ir.Value) *ir.Value { return Ne(x, x) }

// IsInf tells which elements are infinite; no integer is.
func IsInf(x *ir.Value) *ir.Value {
	if !x.DType().IsFloat() {
		return Ne(x, x)
	}
	return Eq(Abs(x), Scalar(x, math.Inf(1)))
}

// IsFinite tells which elements are neither infinite nor NaN; every integer is.
func IsFinite(x *ir.Value) *ir.Value {
	if !x.DType().IsFloat() {
		return Eq(x, x)
	}
	return Lt(Abs(x), Scalar(x, math.Inf(1)))
}

// LogicalNot tells which elements are 0, or false.
func LogicalNot(x *ir.Value) *ir.Value {
	if x.DType() == boolType {
		return Not(x)
	}
	return Eq(x, Scalar(x, 0))
}

// LogicalAnd tells where both elements are not 0; NaN is not. The operands may
// differ in type.
func LogicalAnd(x, y *ir.Value) *ir.Value { return And(truth(x), truth(y)) }

// LogicalOr tells where one element at least is not 0; NaN is not. The operands
// may differ in type.
func LogicalOr(x, y *ir.Value) *ir.Value { return Or(truth(x), truth(y)) }

// LogicalXor tells where exactly one element is not 0; NaN is not. The operands
// may differ in type.
func LogicalXor(x, y *ir.Value) *ir.Value { return Xor(truth(x), truth(y)) }

// truth tells which elements are not 0.
func truth(x *ir.Value) *ir.Value {
	if x.DType() == boolType {
		return x
	}
	return Ne(x, Scalar(x, 0))
}
