package ops

import (
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
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // zero keeps its sign, NaN stays
}

func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// UnaryOp applies a function to each element. Integers have neg, abs and sign.
type UnaryOp struct{ F UnaryFunc }

// Neg returns -x.
func Neg(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{NegFunc}, x) }

// Abs returns |x|. Its gradient at 0 is 0.
func Abs(x *ir.Value) *ir.Value { return ir.Apply1(UnaryOp{AbsFunc}, x) }

// Sign returns -1, 0 or 1. NaN stays NaN, where torch.sign gives 0. No gradient
// flows.
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

// Name is the function's name.
func (op UnaryOp) Name() string { return unary[op.F].name }

func (op UnaryOp) String() string { return "" }

// Infer returns the operand's type.
func (op UnaryOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if t := in[0].DType; !t.IsFloat() && !(unary[op.F].ints && t.IsInt()) {
		return nil, fmt.Errorf("is not defined for %v", t)
	}
	return in, nil
}

// Elementwise marks the op.
func (UnaryOp) Elementwise() {}

// Eval applies the function.
func (op UnaryOp) Eval(in, out []*tensor.Tensor) {
	x, y := in[0], out[0]
	if x.DType().IsInt() {
		evalIntUnary(op.F, x, y)
		return
	}
	for i := range x.Size() {
		y.SetFloat(i, unary[op.F].f(x.Float(i)))
	}
}

// Grad is the derivative, written with the result where that is cheaper.
// None flows through sign and the roundings.
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
	}
	return []*ir.Value{gx}
}
