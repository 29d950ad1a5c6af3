package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// UnaryFunc names a function of one number.
type UnaryFunc uint8

// The functions of one number.
const (
	NegFunc UnaryFunc = iota
	AbsFunc
	SignFunc
	SqrtFunc
	RsqrtFunc
	ExpFunc
	Expm1Func
	LogFunc
	Log1pFunc
	TanhFunc
	SigmoidFunc
	ErfFunc
	SinFunc
	CosFunc
	FloorFunc
	CeilFunc
	RoundFunc
	TruncFunc
	Exp2Func
	Log2Func
	Log10Func
	TanFunc
	AsinFunc
	AcosFunc
	AtanFunc
	SinhFunc
	CoshFunc
	AsinhFunc
	AcoshFunc
	AtanhFunc
	ErfcFunc
	ErfinvFunc
	LgammaFunc
	DigammaFunc
	TrigammaFunc
	NotFunc
)

// unary is the table of names and values; ints tells the functions that
// integers have too.
var unary = [...]struct {
	name string
	ints bool
	f    func(x float64) float64
}{
	NegFunc:     {"neg", true, func(x float64) float64 { return -x }},
	AbsFunc:     {"abs", true, math.Abs},
	SignFunc:    {"sign", true, sign},
	SqrtFunc:    {"sqrt", false, math.Sqrt},
	RsqrtFunc:   {"rsqrt", false, func(x float64) float64 { return 1 / math.Sqrt(x) }},
	ExpFunc:     {"exp", false, math.Exp},
	Expm1Func:   {"expm1", false, math.Expm1},
	LogFunc:     {"log", false, math.Log},
	Log1pFunc:   {"log1p", false, math.Log1p},
	TanhFunc:    {"tanh", false, math.Tanh},
	SigmoidFunc: {"sigmoid", false, sigmoid},
	ErfFunc:     {"erf", false, math.Erf},
	SinFunc:     {"sin", false, math.Sin},
	CosFunc:     {"cos", false, math.Cos},
	FloorFunc:   {"floor", false, math.Floor},
	CeilFunc:    {"ceil", false, math.Ceil},
	RoundFunc:   {"round", false, math.RoundToEven},
	TruncFunc:   {"trunc", false, math.Trunc},

	Exp2Func:     {"exp2", false, math.Exp2},
	Log2Func:     {"log2", false, math.Log2},
	Log10Func:    {"log10", false, math.Log10},
	TanFunc:      {"tan", false, math.Tan},
	AsinFunc:     {"asin", false, math.Asin},
	AcosFunc:     {"acos", false, math.Acos},
	AtanFunc:     {"atan", false, math.Atan},
	SinhFunc:     {"sinh", false, math.Sinh},
	CoshFunc:     {"cosh", false, math.Cosh},
	AsinhFunc:    {"asinh", false, math.Asinh},
	AcoshFunc:    {"acosh", false, math.Acosh},
	AtanhFunc:    {"atanh", false, math.Atanh},
	ErfcFunc:     {"erfc", false, math.Erfc},
	ErfinvFunc:   {"erfinv", false, math.Erfinv},
	LgammaFunc:   {"lgamma", false, lgamma},
	DigammaFunc:  {"digamma", false, digamma},
	TrigammaFunc: {"trigamma", false, trigamma},

	NotFunc: {"not", true, nil},
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0 // of NaN too
}

func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// UnaryOp applies a function to each element. Integers have neg, abs, sign and
// not; Bool has not alone. Sign, not and the roundings have no gradient.
type UnaryOp struct{ F UnaryFunc }

// Neg returns -x.
func Neg(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{NegFunc}, x) }

// Abs returns |x|. Its gradient is 0 at 0 and at NaN.
func Abs(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{AbsFunc}, x) }

// Sign returns -1, 0 or 1; 0 for NaN, as torch.sign. No gradient flows.
func Sign(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{SignFunc}, x) }

// Sqrt returns the square root, NaN below 0.
func Sqrt(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{SqrtFunc}, x) }

// Rsqrt returns 1/sqrt(x).
func Rsqrt(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{RsqrtFunc}, x) }

// Exp returns e^x.
func Exp(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{ExpFunc}, x) }

// Expm1 returns e^x - 1, exact near 0.
func Expm1(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{Expm1Func}, x) }

// Log returns the natural logarithm: -Inf at 0, NaN below.
func Log(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{LogFunc}, x) }

// Log1p returns log(1 + x), exact near 0.
func Log1p(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{Log1pFunc}, x) }

// Tanh returns the hyperbolic tangent.
func Tanh(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{TanhFunc}, x) }

// Sigmoid returns 1/(1 + e^-x).
func Sigmoid(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{SigmoidFunc}, x) }

// Erf returns the error function.
func Erf(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{ErfFunc}, x) }

// Sin returns the sine of x radians.
func Sin(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{SinFunc}, x) }

// Cos returns the cosine of x radians.
func Cos(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{CosFunc}, x) }

// Floor rounds down. No gradient flows.
func Floor(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{FloorFunc}, x) }

// Ceil rounds up. No gradient flows.
func Ceil(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{CeilFunc}, x) }

// Round rounds to the nearest integer, halves to even. No gradient flows.
func Round(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{RoundFunc}, x) }

// Trunc rounds towards 0. No gradient flows.
func Trunc(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{TruncFunc}, x) }

// Exp2 returns 2^x.
func Exp2(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{Exp2Func}, x) }

// Log2 returns the logarithm to base 2: -Inf at 0, NaN below.
func Log2(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{Log2Func}, x) }

// Log10 returns the logarithm to base 10: -Inf at 0, NaN below.
func Log10(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{Log10Func}, x) }

// Tan returns the tangent of x radians, NaN at infinities.
func Tan(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{TanFunc}, x) }

// Asin returns the arc sine, -pi/2 to pi/2; NaN outside -1..1. The gradient is
// infinite at -1 and 1.
func Asin(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{AsinFunc}, x) }

// Acos returns the arc cosine, 0 to pi; NaN outside -1..1. The gradient is
// infinite at -1 and 1.
func Acos(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{AcosFunc}, x) }

// Atan returns the arc tangent, -pi/2 to pi/2.
func Atan(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{AtanFunc}, x) }

// Sinh returns the hyperbolic sine.
func Sinh(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{SinhFunc}, x) }

// Cosh returns the hyperbolic cosine.
func Cosh(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{CoshFunc}, x) }

// Asinh returns the inverse of the hyperbolic sine.
func Asinh(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{AsinhFunc}, x) }

// Acosh returns the inverse of the hyperbolic cosine; NaN below 1. The gradient
// is infinite at 1.
func Acosh(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{AcoshFunc}, x) }

// Atanh returns the inverse of the hyperbolic tangent: infinite at -1 and 1,
// NaN beyond. The gradient beyond is 1/(1 - x^2) all the same, as PyTorch's.
func Atanh(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{AtanhFunc}, x) }

// Erfc returns 1 - erf(x), exact where that is small.
func Erfc(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{ErfcFunc}, x) }

// Erfinv returns the inverse of the error function: infinite at -1 and 1, NaN
// beyond.
func Erfinv(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{ErfinvFunc}, x) }

// Lgamma returns the logarithm of |gamma(x)|: +Inf at 0, at negative whole
// numbers and at both infinities. It has a gradient, [Digamma], and a second
// one, trigamma; a third is a mistake that the graph keeps.
func Lgamma(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{LgammaFunc}, x) }

// Digamma returns the derivative of [Lgamma]: -Inf at 0, +Inf at -0, NaN at
// negative whole numbers and at -Inf. Its gradient, trigamma, is +Inf at 0 and
// at negative whole numbers, where PyTorch gives 0 +Inf and the others a number
// near 1e32; it has no gradient of its own, and asking for one is a mistake.
func Digamma(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{DigammaFunc}, x) }

// Not returns the complement of a Bool, or of the bits of an integer, as
// torch.bitwise_not. [LogicalNot] takes any type. No gradient flows.
func Not(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{NotFunc}, x) }

// Name is the function's name.
func (op UnaryOp) Name() string { return unary[op.F].name }

func (op UnaryOp) String() string { return "" }

// Infer returns the operand's type.
func (op UnaryOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	t := in[0].DType
	defined := t.IsFloat() || unary[op.F].ints && t.IsInt()
	if op.F == NotFunc {
		defined = !t.IsFloat()
	}
	if !defined {
		return nil, fmt.Errorf("is not defined for %v", t)
	}
	return in, nil
}

// Elementwise marks the op.
func (UnaryOp) Elementwise() {}

// Value is the function itself, for a floating-point number.
func (op UnaryOp) Value(x float64) float64 { return unary[op.F].f(x) }

// Eval applies the function.
func (op UnaryOp) Eval(in, out []*tensor.Tensor) {
	x, y := in[0], out[0]
	if !x.DType().IsFloat() {
		evalIntUnary(op.F, x, y)
		return
	}
	for i := range x.Size() {
		y.SetFloat(i, op.Value(x.Float(i)))
	}
}

// Grad is the derivative, written with the result where that is cheaper.
// None flows through sign, not and the roundings.
func (op UnaryOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	x, y, g := in[0], out[0], gout[0]
	if !x.DType().IsFloat() {
		return []*ir.Value{nil}
	}
	var gx *ir.Value
	switch op.F {
	case NegFunc:
		gx = Neg(g)
	case AbsFunc:
		gx = Mul(g, Sign(x))
	case SqrtFunc:
		gx = Div(Mul(g, Scalar(x, 0.5)), y)
	case RsqrtFunc:
		gx = Mul(Mul(g, Scalar(x, -0.5)), Mul(y, Mul(y, y)))
	case ExpFunc:
		gx = Mul(g, y)
	case Expm1Func:
		gx = Mul(g, Add(y, Scalar(x, 1)))
	case LogFunc:
		gx = Div(g, x)
	case Log1pFunc:
		gx = Div(g, Add(x, Scalar(x, 1)))
	case TanhFunc:
		gx = Mul(g, Sub(Scalar(x, 1), Mul(y, y)))
	case SigmoidFunc:
		gx = Mul(g, Mul(y, Sub(Scalar(x, 1), y)))
	case ErfFunc:
		gx = Mul(g, Mul(Scalar(x, 2/math.SqrtPi), Exp(Neg(Mul(x, x)))))
	case SinFunc:
		gx = Mul(g, Cos(x))
	case CosFunc:
		gx = Neg(Mul(g, Sin(x)))
	case Exp2Func:
		gx = Mul(g, Mul(y, Scalar(x, math.Ln2)))
	case Log2Func:
		gx = Div(g, Mul(x, Scalar(x, math.Ln2)))
	case Log10Func:
		gx = Div(g, Mul(x, Scalar(x, math.Ln10)))
	case TanFunc:
		gx = Mul(g, Add(Mul(y, y), Scalar(x, 1)))
	case AsinFunc:
		gx = Mul(g, Rsqrt(Sub(Scalar(x, 1), Mul(x, x))))
	case AcosFunc:
		gx = Neg(Mul(g, Rsqrt(Sub(Scalar(x, 1), Mul(x, x)))))
	case AtanFunc:
		gx = Div(g, Add(Mul(x, x), Scalar(x, 1)))
	case SinhFunc:
		gx = Mul(g, Cosh(x))
	case CoshFunc:
		gx = Mul(g, Sinh(x))
	case AsinhFunc:
		gx = Mul(g, Rsqrt(Add(Mul(x, x), Scalar(x, 1))))
	case AcoshFunc:
		gx = Mul(g, Rsqrt(Sub(Mul(x, x), Scalar(x, 1))))
	case AtanhFunc:
		gx = Div(g, Sub(Scalar(x, 1), Mul(x, x)))
	case ErfcFunc:
		gx = Mul(g, Mul(Scalar(x, -2/math.SqrtPi), Exp(Neg(Mul(x, x)))))
	case ErfinvFunc:
		gx = Mul(g, Mul(Scalar(x, math.SqrtPi/2), Exp(Mul(y, y))))
	case LgammaFunc:
		gx = Mul(g, Digamma(x))
	case DigammaFunc:
		gx = Mul(g, ir.Apply1(UnaryOp{TrigammaFunc}, x))
	case TrigammaFunc:
		gx = fail(op.Name(), errors.New("has no gradient: derivatives of lgamma end with the second"), x)
	}
	return []*ir.Value{gx}
}
