package kernel

import (
	"fmt"
	"math"
)

// RunTyped is [Vec.Run] for any number type, in plain loops.
//
// Integers: Add, Sub, Mul, Square and Neg wrap; Div truncates, x/0 is 0;
// Recip, RDivS likewise; logic and comparisons give 1 or
// 0; Floor, Ceil, Round, Trunc are the number itself; Pow is by repeated squaring and
// 0 for a negative power, but for the bases 1 and -1. Ops that only make sense
// for fractions (Sqrt, Exp, Tanh, ...) are computed in float64 and truncated.
//
// ReluGrad compares as Run does. The ops after Not are for float32 alone.
//
// float64 uses package math: its functions may differ in the last bit between
// platforms. float32 is served by [Vec.Run], and here by way of float64.
func RunTyped[T Number](op VecOp, d, a, b, c []T, s0, s1 T) {
	n := len(d)
	switch op.Operands() {
	case 3:
		c = c[:n]
		fallthrough
	case 2:
		b = b[:n]
		fallthrough
	case 1:
		a = a[:n]
	}
	switch op {
	case Add:
		for i, x := range a {
			d[i] = x + b[i]
		}
	case Sub:
		for i, x := range a {
			d[i] = x - b[i]
		}
	case Mul:
		for i, x := range a {
			d[i] = x * b[i]
		}
	case Div:
		for i, x := range a {
			d[i] = quotient(x, b[i])
		}
	case Max:
		for i, x := range a {
			d[i] = largerOf(x, b[i])
		}
	case Min:
		for i, x := range a {
			d[i] = smallerOf(x, b[i])
		}
	case Fma:
		for i, x := range a {
			d[i] = T(x*b[i]) + c[i]
		}
	case Axpy:
		for i, x := range a {
			d[i] = T(s0*x) + b[i]
		}
	case Axpby:
		for i, x := range a {
			d[i] = T(s0*x) + T(s1*b[i])
		}
	case Affine:
		for i, x := range a {
			d[i] = T(s0*x) + s1
		}
	case AddS:
		for i, x := range a {
			d[i] = x + s0
		}
	case MulS:
		for i, x := range a {
			d[i] = x * s0
		}
	case RSubS:
		for i, x := range a {
			d[i] = s0 - x
		}
	case RDivS:
		for i, x := range a {
			d[i] = quotient(s0, x)
		}
	case ClampS:
		for i, x := range a {
			if x < s0 {
				x = s0
			}
			if x > s1 {
				x = s1
			}
			d[i] = x
		}
	case MaxS:
		for i, x := range a {
			d[i] = largerOf(s0, x)
		}
	case MinS:
		for i, x := range a {
			d[i] = smallerOf(s0, x)
		}
	case Neg:
		for i, x := range a {
			d[i] = -x
		}
	case Abs:
		for i, x := range a {
			if x <= 0 {
				x = 0 - x
			}
			d[i] = x
		}
	case Sign:
		for i, x := range a {
			d[i] = 0
			if x < 0 {
				d[i]--
			} else if x > 0 {
				d[i] = 1
			}
		}
	case Recip:
		for i, x := range a {
			d[i] = quotient(1, x)
		}
	case Square:
		for i, x := range a {
			d[i] = x * x
		}
	case Copy:
		copy(d, a)
	case Fill:
		for i := range d {
			d[i] = s0
		}
	case Relu:
		for i, x := range a {
			if x < 0 {
				x = 0
			}
			d[i] = x
		}
	case ReluGrad:
		for i, x := range a {
			if b[i] <= 0 {
				x = 0
			}
			d[i] = x
		}
	case Select:
		for i, x := range a {
			if x != 0 {
				d[i] = b[i]
			} else {
				d[i] = c[i]
			}
		}
	case Eq, Ne, Lt, Le, Gt, Ge, And, Or:
		f := relation[T](op)
		for i, x := range a {
			d[i] = one[T](f(x, b[i]))
		}
	case EqS, NeS, LtS, LeS, GtS, GeS:
		f := relation[T](op)
		for i, x := range a {
			d[i] = one[T](f(x, s0))
		}
	case Not:
		for i, x := range a {
			d[i] = one[T](x == 0)
		}
	case Pow:
		for i, x := range a {
			d[i] = powOf(x, b[i])
		}
	case Floor, Ceil, Round, Trunc:
		if !isFloat[T]() {
			copy(d, a)
			return
		}
		fallthrough
	default:
		f := real64(op)
		for i, x := range a {
			d[i] = T(f(float64(x)))
		}
	}
}

// Compare sets d[i] = a[i] op b[i] for Eq, Ne, Lt, Le, Gt, Ge.
func Compare[T Number](op VecOp, d []bool, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	switch op {
	case Eq:
		for i, x := range a {
			d[i] = x == b[i]
		}
	case Ne:
		for i, x := range a {
			d[i] = x != b[i]
		}
	case Lt:
		for i, x := range a {
			d[i] = x < b[i]
		}
	case Le:
		for i, x := range a {
			d[i] = x <= b[i]
		}
	case Gt:
		for i, x := range a {
			d[i] = x > b[i]
		}
	case Ge:
		for i, x := range a {
			d[i] = x >= b[i]
		}
	default:
		panic(fmt.Sprintf("kernel: internal error: %v is no comparison", op))
	}
}

// Choose sets d[i] to a[i] where cond[i], else to b[i].
func Choose[T Element](d []T, cond []bool, a, b []T) {
	cond, a, b = cond[:len(d)], a[:len(d)], b[:len(d)]
	for i, t := range cond {
		if t {
			d[i] = a[i]
		} else {
			d[i] = b[i]
		}
	}
}

// relation returns the comparison or logic of an op; a scalar form has the
// scalar as its second argument.
func relation[T Number](op VecOp) func(x, y T) bool {
	switch op {
	case Eq, EqS:
		return func(x, y T) bool { return x == y }
	case Ne, NeS:
		return func(x, y T) bool { return x != y }
	case Lt, LtS:
		return func(x, y T) bool { return x < y }
	case Le, LeS:
		return func(x, y T) bool { return x <= y }
	case Gt, GtS:
		return func(x, y T) bool { return x > y }
	case Ge, GeS:
		return func(x, y T) bool { return x >= y }
	case And:
		return func(x, y T) bool { return x != 0 && y != 0 }
	case Or:
		return func(x, y T) bool { return x != 0 || y != 0 }
	}
	panic(fmt.Sprintf("kernel: internal error: %v is no comparison", op))
}

// real64 returns the function of a unary op.
func real64(op VecOp) func(x float64) float64 {
	switch op {
	case Sqrt:
		return math.Sqrt
	case Rsqrt:
		return func(x float64) float64 { return 1 / math.Sqrt(x) }
	case Exp:
		return math.Exp
	case Exp2:
		return math.Exp2
	case Expm1:
		return math.Expm1
	case Log:
		return math.Log
	case Log2:
		return math.Log2
	case Log10:
		return math.Log10
	case Log1p:
		return math.Log1p
	case Tanh:
		return math.Tanh
	case Sigmoid:
		return func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	case Erf:
		return math.Erf
	case Sin:
		return math.Sin
	case Cos:
		return math.Cos
	case Floor:
		return math.Floor
	case Ceil:
		return math.Ceil
	case Round:
		return math.RoundToEven
	case Trunc:
		return math.Trunc
	}
	panic(fmt.Sprintf("kernel: internal error: %v has no form for all types", op))
}

func one[T Number](b bool) T {
	if b {
		return 1
	}
	return 0
}

// isFloat reports whether T holds fractions.
func isFloat[T Number]() bool {
	half := 0.5
	return T(half) != 0
}

func quotient[T Number](x, y T) T {
	if y == 0 && !isFloat[T]() {
		return 0
	}
	return x / y
}

func largerOf[T Number](x, y T) T {
	if x > y || x != x {
		return x
	}
	return y
}

func smallerOf[T Number](x, y T) T {
	if x < y || x != x {
		return x
	}
	return y
}

func powOf[T Number](x, y T) T {
	if isFloat[T]() {
		return T(math.Pow(float64(x), float64(y)))
	}
	minusOne := T(0) - 1
	switch {
	case y < 0 && x == minusOne:
		if y/2*2 == y {
			return 1
		}
		return x
	case y < 0 && x != 1:
		return 0
	}
	r := T(1)
	for ; y > 0; y /= 2 {
		if y/2*2 != y {
			r *= x
		}
		x *= x
	}
	return r
}

// SumOf returns the sum of a in order; integers wrap, float32 adds up in float64.
func SumOf[T Number](a []T) T {
	if isFloat[T]() {
		var s float64
		for _, x := range a {
			s += float64(x)
		}
		return T(s)
	}
	var s T
	for _, x := range a {
		s += x
	}
	return s
}

// ProdOf returns the product of a in order; integers wrap.
func ProdOf[T Number](a []T) T {
	p := T(1)
	for _, x := range a {
		p *= x
	}
	return p
}

// MaxOf returns the largest element of a, which is not empty; NaN if there is one.
func MaxOf[T Number](a []T) T {
	m := a[0]
	for _, x := range a[1:] {
		m = largerOf(m, x)
	}
	return m
}

// MinOf returns the smallest element of a, which is not empty; NaN if there is one.
func MinOf[T Number](a []T) T {
	m := a[0]
	for _, x := range a[1:] {
		m = smallerOf(m, x)
	}
	return m
}

// ArgMaxOf returns the index of the first NaN or else of the first of the
// largest elements; 0 for none.
func ArgMaxOf[T Number](a []T) int {
	best := 0
	for i, x := range a {
		if x != x {
			return i
		}
		if x > a[best] {
			best = i
		}
	}
	return best
}

// ArgMinOf returns the index of the first NaN or else of the first of the
// smallest elements; 0 for none.
func ArgMinOf[T Number](a []T) int {
	best := 0
	for i, x := range a {
		if x != x {
			return i
		}
		if x < a[best] {
			best = i
		}
	}
	return best
}

// ArgColumns sets index[c] to the row of the first NaN, or else of the first of
// the largest or smallest elements, in column c of x, whose rows begin cols
// elements apart; it looks at len(index) columns.
func ArgColumns[T Number](index []int64, x []T, cols int, smallest bool) {
	clear(index)
	for k, at := int64(1), cols; at < len(x); k, at = k+1, at+cols {
		for c, v := range x[at : at+len(index)] {
			best := x[int(index[c])*cols+c]
			if v > best && !smallest || v < best && smallest || v != v && best == best {
				index[c] = k
			}
		}
	}
}
