package kernel

import (
	"math"
	"unsafe"
)

// The portable loops, one for each VecOp. A product that is added to something
// is converted to float32 first: the language then forbids the compiler to
// fuse the two, and every platform gives the same bits.

const signBit = 1 << 31

// orPortable fills what a set's table lacks with the portable loops.
func orPortable(ops [NumVecOps]elementwise) [NumVecOps]elementwise {
	for i, f := range ops {
		if f == nil {
			ops[i] = genericOps[i]
		}
	}
	return ops
}

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

// larger returns the larger of two numbers, b if they are equal, NaN if one is.
func larger(a, b float32) float32 {
	if a > b || a != a {
		return a
	}
	return b
}

// smaller returns the smaller of two numbers, b if they are equal, NaN if one is.
func smaller(a, b float32) float32 {
	if a < b || a != a {
		return a
	}
	return b
}

func clamp(x, low, high float32) float32 {
	if x < low {
		x = low
	}
	if x > high {
		x = high
	}
	return x
}

var genericOps = [NumVecOps]elementwise{
	Add:      genericAdd,
	Sub:      genericSub,
	Mul:      genericMul,
	Div:      genericDiv,
	Max:      genericMax,
	Min:      genericMin,
	Pow:      genericPow,
	Fma:      genericFma,
	Axpy:     genericAxpy,
	Axpby:    genericAxpby,
	Affine:   genericAffine,
	AddS:     genericAddS,
	MulS:     genericMulS,
	RSubS:    genericRSubS,
	RDivS:    genericRDivS,
	ClampS:   genericClampS,
	MaxS:     genericMaxS,
	MinS:     genericMinS,
	Neg:      genericNeg,
	Abs:      genericAbs,
	Sign:     genericSign,
	Sqrt:     genericSqrt,
	Rsqrt:    genericRsqrt,
	Recip:    genericRecip,
	Square:   genericSquare,
	Exp:      genericExp,
	Exp2:     each(exp232),
	Expm1:    genericExpm1,
	Log:      genericLog,
	Log2:     each(log232),
	Log10:    each(log1032),
	Log1p:    genericLog1p,
	Tanh:     genericTanh,
	Sigmoid:  genericSigmoid,
	Erf:      genericErf,
	Sin:      genericSin,
	Cos:      genericCos,
	Floor:    genericFloor,
	Ceil:     genericCeil,
	Round:    genericRound,
	Trunc:    genericTrunc,
	Copy:     genericCopy,
	Fill:     genericFill,
	Relu:     genericRelu,
	ReluGrad: genericReluGrad,
	Eq:       genericEq,
	Ne:       genericNe,
	Lt:       genericLt,
	Le:       genericLe,
	Gt:       genericGt,
	Ge:       genericGe,
	EqS:      genericEqS,
	NeS:      genericNeS,
	LtS:      genericLtS,
	LeS:      genericLeS,
	GtS:      genericGtS,
	GeS:      genericGeS,
	Select:   genericSelect,
	And:      genericAnd,
	Or:       genericOr,
	Not:      genericNot,
	ExpSub:   genericExpSub,
	ExpAxpy:  genericExpAxpy,
	NormS:    genericNormS,
	NormMul:  genericNormMul,
	NormFma:  genericNormFma,

	ClampGrad:   genericClampGrad,
	AddRelu:     genericAddRelu,
	AddReluGrad: genericAddReluGrad,
	Add3:        genericAdd3,

	Gelu:          valueOf(gelu64),
	GeluTanh:      valueOf(geluTanh64),
	Silu:          valueOf(silu64),
	GeluSlope:     slopeOf(gelu64),
	GeluTanhSlope: slopeOf(geluTanh64),
	SiluSlope:     slopeOf(silu64),

	Tan:       each(tan32),
	Asin:      each(asin32),
	Acos:      each(acos32),
	Atan:      each(atan32),
	Sinh:      each(sinh32),
	Cosh:      each(cosh32),
	Asinh:     each(asinh32),
	Acosh:     each(acosh32),
	Atanh:     each(atanh32),
	Erfc:      each(erfc32),
	Erfinv:    each(erfinv32),
	Lgamma:    each(lgamma32),
	Digamma:   each(digamma32),
	Trigamma:  each(trigamma32),
	Atan2:     eachPair(atan2of),
	Fmod:      eachPair(fmod32),
	Remainder: eachPair(remainder32),
	FloorDiv:  eachPair(floorDivide32),
	Hypot:     eachPair(hypot32),
	CopySign:  eachPair(copySign32),
	LogAddExp: eachPair(logAddExp32),
}

func genericAdd(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = x + b[i]
	}
}

func genericSub(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = x - b[i]
	}
}

func genericMul(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = x * b[i]
	}
}

func genericDiv(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = x / b[i]
	}
}

func genericMax(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = larger(x, b[i])
	}
}

func genericMin(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = smaller(x, b[i])
	}
}

func genericAddS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = x + s0
	}
}

func genericMulS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = x * s0
	}
}

func genericRSubS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = s0 - x
	}
}

func genericRDivS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = s0 / x
	}
}

func genericMaxS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = larger(s0, x)
	}
}

func genericMinS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = smaller(s0, x)
	}
}

func genericNeg(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = -x
	}
}

func genericRecip(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = 1 / x
	}
}

func genericSquare(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = x * x
	}
}

func genericAffine(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = float32(s0*x) + s1
	}
}

func genericNormS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = (x - s0) * s1
	}
}

func genericAxpy(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = float32(s0*x) + b[i]
	}
}

func genericAxpby(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = float32(s0*x) + float32(s1*b[i])
	}
}

func genericNormMul(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = (x - s0) * s1 * b[i]
	}
}

func genericFma(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	c := unsafe.Slice(pc, n)[:len(d)]
	for i, x := range a {
		d[i] = float32(x*b[i]) + c[i]
	}
}

func genericNormFma(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	c := unsafe.Slice(pc, n)[:len(d)]
	for i, x := range a {
		d[i] = float32((x-s0)*s1*b[i]) + c[i]
	}
}

func genericClampS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = clamp(x, s0, s1)
	}
}

func genericAbs(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = math.Float32frombits(math.Float32bits(x) &^ signBit)
	}
}

func genericSign(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		switch {
		case x < 0:
			d[i] = -1
		case x > 0:
			d[i] = 1
		default:
			d[i] = 0
		}
	}
}

func genericSqrt(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = float32(math.Sqrt(float64(x)))
	}
}

func genericRsqrt(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = 1 / float32(math.Sqrt(float64(x)))
	}
}

func genericFloor(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = float32(math.Floor(float64(x)))
	}
}

func genericCeil(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = float32(math.Ceil(float64(x)))
	}
}

func genericRound(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = float32(math.RoundToEven(float64(x)))
	}
}

func genericTrunc(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = float32(math.Trunc(float64(x)))
	}
}

func genericCopy(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	copy(d, a)
}

func genericFill(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	for i := range d {
		d[i] = s0
	}
}

func genericRelu(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		if x < 0 {
			d[i] = 0
		} else {
			d[i] = x
		}
	}
}

func genericReluGrad(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		if b[i] <= 0 {
			x = 0
		}
		d[i] = x
	}
}

func genericClampGrad(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		if b[i] <= s0 || b[i] >= s1 {
			x = 0
		}
		d[i] = x
	}
}

func genericAddRelu(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		y := x + b[i]
		if y < 0 {
			y = 0
		}
		d[i] = y
	}
}

func genericAddReluGrad(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	c := unsafe.Slice(pc, n)[:len(d)]
	for i, x := range a {
		y := x + b[i]
		if c[i] <= 0 {
			y = 0
		}
		d[i] = y
	}
}

func genericAdd3(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	c := unsafe.Slice(pc, n)[:len(d)]
	for i, x := range a {
		d[i] = x + b[i] + c[i]
	}
}
