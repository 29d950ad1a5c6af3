package ops

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// BinaryFunc names a function of two numbers.
type BinaryFunc uint8

// The functions of two numbers.
const (
	AddFunc BinaryFunc = iota
	SubFunc
	MulFunc
	DivFunc
	MaxFunc
	MinFunc
	PowFunc
	AndFunc
	OrFunc
)

// binary is the table of names and values.
var binary = [...]struct {
	name string
	f    func(x, y float64) float64
}{
	AddFunc: {"add", func(x, y float64) float64 { return x + y }},
	SubFunc: {"sub", func(x, y float64) float64 { return x - y }},
	MulFunc: {"mul", func(x, y float64) float64 { return x * y }},
	DivFunc: {"div", func(x, y float64) float64 { return x / y }},
	MaxFunc: {"maximum", maximum},
	MinFunc: {"minimum", minimum},
	PowFunc: {"pow", math.Pow},
	AndFunc: {"and", nil},
	OrFunc:  {"or", nil},
}

// share gives the gradient of a maximum or minimum to the operand that did not
// lose, half to each on a tie, all to both where one is NaN, as PyTorch does.
func share(x, y, g *ir.Value, loses func(x, y *ir.Value) *ir.Value) (gx, gy *ir.Value) {
	half := Mul(g, Scalar(g, 0.5))
	zero := ZerosLike(g)
	tie := Eq(x, y)
	gx = Select(tie, half, Select(loses(x, y), zero, g))
	gy = Select(tie, half, Select(loses(y, x), zero, g))
	return gx, gy
}

func maximum(x, y float64) float64 {
	if x != x || y != y {
		return math.NaN()
	}
	return max(x, y)
}

func minimum(x, y float64) float64 {
	if x != x || y != y {
		return math.NaN()
	}
	return min(x, y)
}

// BinaryOp applies a function to corresponding elements of two operands of one
// type. Integer arithmetic wraps around; integer division truncates and gives
// 0 for a divisor of 0. And and Or take Bool.
type BinaryOp struct{ F BinaryFunc }

// Add returns x + y.
func Add(x, y *ir.Value) *ir.Value { return applyBinary(AddFunc, x, y) }

// Sub returns x - y.
func Sub(x, y *ir.Value) *ir.Value { return applyBinary(SubFunc, x, y) }

// Mul returns x * y.
func Mul(x, y *ir.Value) *ir.Value { return applyBinary(MulFunc, x, y) }

// Div returns x / y.
func Div(x, y *ir.Value) *ir.Value { return applyBinary(DivFunc, x, y) }

// Maximum returns the larger; NaN wins. On a tie the gradient is halved.
func Maximum(x, y *ir.Value) *ir.Value { return applyBinary(MaxFunc, x, y) }

// Minimum returns the smaller; NaN wins. On a tie the gradient is halved.
func Minimum(x, y *ir.Value) *ir.Value { return applyBinary(MinFunc, x, y) }

// Pow returns x^y.
func Pow(x, y *ir.Value) *ir.Value { return applyBinary(PowFunc, x, y) }

// And returns the logical conjunction of two Bools.
func And(x, y *ir.Value) *ir.Value { return applyBinary(AndFunc, x, y) }

// Or returns the logical disjunction of two Bools.
func Or(x, y *ir.Value) *ir.Value { return applyBinary(OrFunc, x, y) }

func applyBinary(f BinaryFunc, x, y *ir.Value) *ir.Value {
	op := BinaryOp{f}
	x, y, _ = broadcastPair(op.Name(), x, y)
	return ir.Apply1(op, x, y)
}

// Name is the function's name.
func (op BinaryOp) Name() string { return binary[op.F].name }

func (op BinaryOp) String() string { return "" }

// Infer wants two operands of one type.
func (op BinaryOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if err := alike(in); err != nil {
		return nil, err
	}
	t := in[0].DType
	logical := op.F == AndFunc || op.F == OrFunc
	if logical == (t.IsFloat() || t.IsInt()) || op.F == PowFunc && !t.IsFloat() {
		return nil, fmt.Errorf("is not defined for %v", t)
	}
	return in[:1], nil
}

// Elementwise marks the op.
func (BinaryOp) Elementwise() {}

// Eval applies the function.
func (op BinaryOp) Eval(in, out []*tensor.Tensor) {
	x, y, z := in[0], in[1], out[0]
	if !x.DType().IsFloat() {
		evalIntBinary(op.F, x, y, z)
		return
	}
	for i := range x.Size() {
		z.SetFloat(i, binary[op.F].f(x.Float(i), y.Float(i)))
	}
}

// Grad gives both partial derivatives.
func (op BinaryOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	x, y, z, g := in[0], in[1], out[0], gout[0]
	if !x.DType().IsFloat() {
		return []*ir.Value{nil, nil}
	}
	var gx, gy *ir.Value
	switch op.F {
	case AddFunc:
		gx, gy = g, g
	case SubFunc:
		gx, gy = g, Neg(g)
	case MulFunc:
		gx, gy = Mul(g, y), Mul(g, x)
	case DivFunc:
		gx = Div(g, y)
		gy = Neg(Mul(gx, z))
	case MaxFunc:
		gx, gy = share(x, y, g, Lt)
	case MinFunc:
		gx, gy = share(x, y, g, Gt)
	case PowFunc:
		zero := Scalar(x, 0)
		// x^0 is constant, also where x^-1 is infinite; 0^y does not depend
		// on y > 0, whatever log 0 is.
		gx = Mul(g, Mul(y, Pow(x, Sub(y, Scalar(x, 1)))))
		gx = Select(Eq(y, zero), zero, gx)
		gy = Select(And(Eq(x, zero), Ge(y, zero)), zero, Mul(g, Mul(z, Log(x))))
	}
	return []*ir.Value{gx, gy}
}
