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
	XorFunc
	ShiftLeftFunc
	ShiftRightFunc
	FloorDivideFunc
	RemainderFunc
	FmodFunc
	Atan2Func
	HypotFunc
	CopySignFunc
	LogAddExpFunc
)

// binary is the table of names and values; ints tells the functions that
// integers have too. A nil value marks those that floats don't have.
var binary = [...]struct {
	name string
	ints bool
	f    func(x, y float64) float64
}{
	AddFunc: {"add", true, func(x, y float64) float64 { return x + y }},
	SubFunc: {"sub", true, func(x, y float64) float64 { return x - y }},
	MulFunc: {"mul", true, func(x, y float64) float64 { return x * y }},
	DivFunc: {"div", true, func(x, y float64) float64 { return x / y }},
	MaxFunc: {"maximum", true, maximum},
	MinFunc: {"minimum", true, minimum},
	PowFunc: {"pow", true, math.Pow},
	AndFunc: {"and", true, nil},
	OrFunc:  {"or", true, nil},
	XorFunc: {"xor", true, nil},

	ShiftLeftFunc:   {"shift_left", true, nil},
	ShiftRightFunc:  {"shift_right", true, nil},
	FloorDivideFunc: {"floor_divide", true, floorDivide},
	RemainderFunc:   {"remainder", true, remainder},
	FmodFunc:        {"fmod", true, math.Mod},
	Atan2Func:       {"atan2", false, math.Atan2},
	HypotFunc:       {"hypot", false, math.Hypot},
	CopySignFunc:    {"copysign", false, math.Copysign},
	LogAddExpFunc:   {"logaddexp", false, logAddExp},
}

// remainder is fmod with the sign of y.
func remainder(x, y float64) float64 {
	r := math.Mod(x, y)
	if r != 0 && r < 0 != (y < 0) {
		r += y
	}
	return r
}

// floorDivide rounds the quotient down as torch.floor_divide does.
func floorDivide(x, y float64) float64 {
	if y == 0 {
		return x / y
	}
	r := math.Mod(x, y)
	q := (x - r) / y
	if r != 0 && r < 0 != (y < 0) {
		q--
	}
	if q == 0 {
		return math.Copysign(0, x/y)
	}
	if down := math.Floor(q); q-down <= 0.5 {
		return down
	}
	return math.Ceil(q)
}

func logAddExp(x, y float64) float64 {
	if x == y { // perhaps the same infinity
		return x + math.Ln2
	}
	return maximum(x, y) + math.Log1p(math.Exp(-math.Abs(x-y)))
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
// 0 for a divisor of 0, where PyTorch stops the program; x is then the rest.
// And, Or and Xor take Bool and the bits of integers, the shifts integers; no
// gradient flows through them nor through FloorDivide.
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

// Pow returns x^y, with the special cases of C99: x^0 and 1^y are 1 whatever the
// other is; a negative x with a fractional y gives NaN. The gradient by x is 0
// where y = 0; that by y, x^y log x, is 0 where x = 0 and y >= 0, and NaN where
// x < 0. Of integers a negative power is 0, but for the bases 1 and -1.
func Pow(x, y *ir.Value) *ir.Value { return applyBinary(PowFunc, x, y) }

// And returns the conjunction of two Bools, or of the bits of two integers, as
// torch.bitwise_and. [LogicalAnd] takes any type.
func And(x, y *ir.Value) *ir.Value { return applyBinary(AndFunc, x, y) }

// Or returns the disjunction of two Bools, or of the bits of two integers, as
// torch.bitwise_or. [LogicalOr] takes any type.
func Or(x, y *ir.Value) *ir.Value { return applyBinary(OrFunc, x, y) }

// Xor tells where two Bools, or the bits of two integers, differ, as
// torch.bitwise_xor. [LogicalXor] takes any type.
func Xor(x, y *ir.Value) *ir.Value { return applyBinary(XorFunc, x, y) }

// ShiftLeft returns the integer x times 2^y; 0 where y is negative or not below
// the number of bits.
func ShiftLeft(x, y *ir.Value) *ir.Value { return applyBinary(ShiftLeftFunc, x, y) }

// ShiftRight returns the integer x divided by 2^y, rounded down; where y is
// negative or not below the number of bits, 0, or -1 for x < 0.
func ShiftRight(x, y *ir.Value) *ir.Value { return applyBinary(ShiftRightFunc, x, y) }

// FloorDivide returns x / y rounded down, by the exact quotient: NaN for an
// infinite x, x / y for a y of 0, -1 for a negative x over +Inf. Integers over 0
// give 0. No gradient flows; PyTorch has none.
func FloorDivide(x, y *ir.Value) *ir.Value { return applyBinary(FloorDivideFunc, x, y) }

// Remainder returns x - y*FloorDivide(x, y), the rest with the sign of y: NaN
// for an infinite x or a y of 0, x for an infinite y of its sign. Of integers
// over 0 it is x. The gradient by y is -FloorDivide(x, y).
func Remainder(x, y *ir.Value) *ir.Value { return applyBinary(RemainderFunc, x, y) }

// Fmod returns x - y*Trunc(x/y), the rest with the sign of x, exactly: NaN for
// an infinite x or a y of 0, x for an infinite y. Of integers over 0 it is x.
// The gradient by y is -Trunc(x/y).
func Fmod(x, y *ir.Value) *ir.Value { return applyBinary(FmodFunc, x, y) }

// Atan2 returns the angle of the point with ordinate y and abscissa x, -pi to
// pi, by the signs of zeros and infinities as in C99. The gradients are 0 at the
// origin.
func Atan2(y, x *ir.Value) *ir.Value { return applyBinary(Atan2Func, y, x) }

// Hypot returns sqrt(x^2 + y^2) without overflow on the way; +Inf where either
// is infinite. The gradients, x and y over the result, are NaN at the origin.
func Hypot(x, y *ir.Value) *ir.Value { return applyBinary(HypotFunc, x, y) }

// CopySign returns |x| with the sign of y, also of a zero or NaN. Nothing flows
// to y, nor to an x of 0.
func CopySign(x, y *ir.Value) *ir.Value { return applyBinary(CopySignFunc, x, y) }

// LogAddExp returns log(e^x + e^y), which does not overflow. The gradients,
// sigmoid(x-y) and sigmoid(y-x), are NaN where both are the same infinity.
func LogAddExp(x, y *ir.Value) *ir.Value { return applyBinary(LogAddExpFunc, x, y) }

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
	defined := t.IsInt() && binary[op.F].ints || t.IsFloat() && binary[op.F].f != nil
	if t == boolType {
		defined = op.F == AndFunc || op.F == OrFunc || op.F == XorFunc
	}
	if !defined {
		return nil, fmt.Errorf("is not defined for %v", t)
	}
	return in[:1], nil
}

// Elementwise marks the op.
func (BinaryOp) Elementwise() {}

// Value is the function itself, for floating-point numbers.
func (op BinaryOp) Value(x, y float64) float64 { return binary[op.F].f(x, y) }

// Eval applies the function.
func (op BinaryOp) Eval(in, out []*tensor.Tensor) {
	x, y, z := in[0], in[1], out[0]
	if !x.DType().IsFloat() {
		evalIntBinary(op.F, x, y, z)
		return
	}
	for i := range x.Size() {
		z.SetFloat(i, op.Value(x.Float(i), y.Float(i)))
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
	case RemainderFunc:
		gx, gy = g, Neg(Mul(g, FloorDivide(x, y)))
	case FmodFunc:
		gx, gy = g, Neg(Mul(g, Trunc(Div(x, y))))
	case Atan2Func: // operands: ordinate, abscissa
		zero := ZerosLike(g)
		square := Add(Mul(x, x), Mul(y, y))
		each := Select(Eq(square, zero), zero, Div(g, square))
		gx, gy = Mul(each, y), Neg(Mul(each, x))
	case HypotFunc:
		gx, gy = Mul(g, Div(x, z)), Mul(g, Div(y, z))
	case CopySignFunc:
		zero := ZerosLike(g)
		gx = Mul(g, Select(Eq(x, zero), zero, Div(z, x)))
	case LogAddExpFunc:
		gx, gy = Mul(g, Sigmoid(Sub(x, y))), Mul(g, Sigmoid(Sub(y, x)))
	}
	return []*ir.Value{gx, gy}
}
