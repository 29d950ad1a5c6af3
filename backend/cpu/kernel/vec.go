package kernel

import (
	"fmt"
	"unsafe"
)

// A VecOp is an element-wise operation on blocks of float32. See [Vec.Run].
//
// In the comments a, b and c are the elements of the operands, s0 and s1 the
// scalars. Comparisons and logic give 1 or 0; a comparison with a NaN gives 0,
// except Ne, which gives 1.
type VecOp uint8

const (
	Add VecOp = iota // a + b
	Sub              // a - b
	Mul              // a * b
	Div              // a / b
	Max              // the larger; NaN if either is NaN
	Min              // the smaller; NaN if either is NaN
	Pow              // a to the power b, special cases as in C99

	Fma    // a*b + c
	Axpy   // s0*a + b
	Axpby  // s0*a + s1*b
	Affine // s0*a + s1

	AddS   // a + s0
	MulS   // a * s0
	RSubS  // s0 - a
	RDivS  // s0 / a
	ClampS // min(max(a, s0), s1); NaN if a is NaN
	MaxS   // the larger of a and s0; NaN if either is NaN
	MinS   // the smaller of a and s0; NaN if either is NaN

	Neg    // -a
	Abs    // |a|
	Sign   // 1, -1 or 0; 0 for a NaN
	Sqrt   // square root, correctly rounded
	Rsqrt  // 1 / sqrt(a), two correctly rounded steps
	Recip  // 1 / a
	Square // a * a

	Exp     // e to the power a
	Exp2    // 2 to the power a
	Expm1   // Exp(a) - 1, precise near 0
	Log     // natural logarithm; NaN below 0
	Log2    // logarithm to base 2, exact for powers of 2
	Log10   // logarithm to base 10
	Log1p   // Log(1 + a), precise near 0
	Tanh    // hyperbolic tangent
	Sigmoid // 1 / (1 + Exp(-a))
	Erf     // error function
	Sin     // sine; NaN at infinities
	Cos     // cosine; NaN at infinities

	Floor // towards -infinity
	Ceil  // towards +infinity
	Round // to the nearest integer, halves to even
	Trunc // towards zero

	Copy // a
	Fill // s0

	Relu     // 0 if a < 0, else a (so NaN stays)
	ReluGrad // 0 if b <= 0, else a (so where b is NaN)

	Eq // a == b
	Ne // a != b
	Lt // a < b
	Le // a <= b
	Gt // a > b
	Ge // a >= b

	EqS // a == s0
	NeS // a != s0
	LtS // a < s0
	LeS // a <= s0
	GtS // a > s0
	GeS // a >= s0

	Select // b if a != 0 (a NaN counts), else c
	And    // a != 0 && b != 0
	Or     // a != 0 || b != 0
	Not    // a == 0

	// The following are for float32 alone: see [RunTyped].

	ExpSub  // Exp(a - s0) * s1
	ExpAxpy // s0*Exp(a) + b
	NormS   // (a - s0) * s1
	NormMul // (a - s0) * s1 * b
	NormFma // (a - s0) * s1 * b + c

	ClampGrad   // 0 if b <= s0 or b >= s1, else a (so where b is NaN)
	AddRelu     // Relu(a + b)
	AddReluGrad // ReluGrad(a + b, c)
	Add3        // (a + b) + c

	// Curves and, in the same order, their derivatives; see [Vec.WithSlope].

	Gelu          // a P(a), P the normal distribution
	GeluTanh      // a/2 (1 + Tanh(sqrt(2/pi) (a + 0.044715 a^3)))
	Silu          // a Sigmoid(a)
	GeluSlope     // P(a) + a p(a), p the normal density
	GeluTanhSlope // of GeluTanh
	SiluSlope     // of Silu

	// The following are portable in every set: see vec_special.go.

	Tan       // tangent; NaN at infinities
	Asin      // arc sine; NaN outside -1..1
	Acos      // arc cosine; NaN outside -1..1
	Atan      // arc tangent
	Sinh      // hyperbolic sine
	Cosh      // hyperbolic cosine
	Asinh     // inverse of Sinh
	Acosh     // inverse of Cosh; NaN below 1
	Atanh     // inverse of Tanh; NaN outside -1..1
	Erfc      // 1 - Erf(a), precise where that is small
	Erfinv    // inverse of Erf; NaN outside -1..1
	Lgamma    // logarithm of |gamma(a)|
	Digamma   // derivative of Lgamma
	Trigamma  // derivative of Digamma
	Atan2     // angle of the point with ordinate a and abscissa b
	Fmod      // rest of a / b with the sign of a, exact
	Remainder // rest of a / b with the sign of b
	FloorDiv  // a / b rounded down
	Hypot     // sqrt(a*a + b*b)
	CopySign  // |a| with the sign of b
	LogAddExp // Log(Exp(a) + Exp(b))

	NumVecOps = iota
)

// operands counts the vector operands that an op reads.
var operands = [NumVecOps]uint8{
	Add: 2, Sub: 2, Mul: 2, Div: 2, Max: 2, Min: 2, Pow: 2,
	Fma: 3, Axpy: 2, Axpby: 2, Affine: 1,
	AddS: 1, MulS: 1, RSubS: 1, RDivS: 1, ClampS: 1, MaxS: 1, MinS: 1,
	Neg: 1, Abs: 1, Sign: 1, Sqrt: 1, Rsqrt: 1, Recip: 1, Square: 1,
	Exp: 1, Exp2: 1, Expm1: 1, Log: 1, Log2: 1, Log10: 1, Log1p: 1, Tanh: 1, Sigmoid: 1, Erf: 1, Sin: 1, Cos: 1,
	Floor: 1, Ceil: 1, Round: 1, Trunc: 1,
	Copy: 1, Fill: 0,
	Relu: 1, ReluGrad: 2, ClampGrad: 2,
	Eq: 2, Ne: 2, Lt: 2, Le: 2, Gt: 2, Ge: 2,
	EqS: 1, NeS: 1, LtS: 1, LeS: 1, GtS: 1, GeS: 1,
	Select: 3, And: 2, Or: 2, Not: 1,
	ExpSub: 1, ExpAxpy: 2, NormS: 1, NormMul: 2, NormFma: 3, AddRelu: 2, AddReluGrad: 3, Add3: 3,
	Gelu: 1, GeluTanh: 1, Silu: 1, GeluSlope: 1, GeluTanhSlope: 1, SiluSlope: 1,
	Tan: 1, Asin: 1, Acos: 1, Atan: 1, Sinh: 1, Cosh: 1, Asinh: 1, Acosh: 1, Atanh: 1,
	Erfc: 1, Erfinv: 1, Lgamma: 1, Digamma: 1, Trigamma: 1,
	Atan2: 2, Fmod: 2, Remainder: 2, FloorDiv: 2, Hypot: 2, CopySign: 2, LogAddExp: 2,
}

var vecOpNames = [NumVecOps]string{
	Add: "Add", Sub: "Sub", Mul: "Mul", Div: "Div", Max: "Max", Min: "Min", Pow: "Pow",
	Fma: "Fma", Axpy: "Axpy", Axpby: "Axpby", Affine: "Affine",
	AddS: "AddS", MulS: "MulS", RSubS: "RSubS", RDivS: "RDivS", ClampS: "ClampS", MaxS: "MaxS", MinS: "MinS",
	Neg: "Neg", Abs: "Abs", Sign: "Sign", Sqrt: "Sqrt", Rsqrt: "Rsqrt", Recip: "Recip", Square: "Square",
	Exp: "Exp", Exp2: "Exp2", Expm1: "Expm1", Log: "Log", Log2: "Log2", Log10: "Log10", Log1p: "Log1p", Tanh: "Tanh", Sigmoid: "Sigmoid",
	Erf: "Erf", Sin: "Sin", Cos: "Cos", Floor: "Floor", Ceil: "Ceil", Round: "Round", Trunc: "Trunc",
	Copy: "Copy", Fill: "Fill", Relu: "Relu", ReluGrad: "ReluGrad", ClampGrad: "ClampGrad",
	Eq: "Eq", Ne: "Ne", Lt: "Lt", Le: "Le", Gt: "Gt", Ge: "Ge",
	EqS: "EqS", NeS: "NeS", LtS: "LtS", LeS: "LeS", GtS: "GtS", GeS: "GeS",
	Select: "Select", And: "And", Or: "Or", Not: "Not",
	ExpSub: "ExpSub", ExpAxpy: "ExpAxpy", NormS: "NormS", NormMul: "NormMul", NormFma: "NormFma",
	AddRelu: "AddRelu", AddReluGrad: "AddReluGrad", Add3: "Add3",
	Gelu: "Gelu", GeluTanh: "GeluTanh", Silu: "Silu", GeluSlope: "GeluSlope", GeluTanhSlope: "GeluTanhSlope", SiluSlope: "SiluSlope",
	Tan: "Tan", Asin: "Asin", Acos: "Acos", Atan: "Atan", Sinh: "Sinh", Cosh: "Cosh", Asinh: "Asinh", Acosh: "Acosh", Atanh: "Atanh",
	Erfc: "Erfc", Erfinv: "Erfinv", Lgamma: "Lgamma", Digamma: "Digamma", Trigamma: "Trigamma",
	Atan2: "Atan2", Fmod: "Fmod", Remainder: "Remainder", FloorDiv: "FloorDiv", Hypot: "Hypot", CopySign: "CopySign", LogAddExp: "LogAddExp",
}

// String returns the name of the constant.
func (op VecOp) String() string {
	if op < NumVecOps {
		return vecOpNames[op]
	}
	return fmt.Sprintf("VecOp(%d)", uint8(op))
}

// Operands returns how many of the vectors a, b, c the op reads.
func (op VecOp) Operands() int { return int(operands[op]) }

// An elementwise kernel sets d[i] for i in [0, n). Unread pointers may be nil.
type elementwise func(n int, d, a, b, c *float32, s0, s1 float32)

// A fused kernel updates several vectors of n elements in one pass.
type fused func(n int, p0, p1, p2, p3, p4, p5 *float32, s0, s1, s2, s3, s4, s5, s6, s7 float32)

// A columns kernel goes down the rows of matrices of cols columns, rows that are
// stride elements apart: see column.go.
type columns func(rows, cols, stride int, p0, p1, p2, p3, p4, p5 *float32)

// A reduction gives one number for at most blockLen elements.
type reduction func(n int, a, b *float32, s0 float32) float32

// A reduction2 gives two numbers for at most blockLen elements.
type reduction2 func(n int, a, b, c *float32, s0 float32) (r0, r1 float32)

// Vec holds the vector kernels of one instruction set.
//
// Bits. Add, Sub, Mul, Div, Sqrt, Rsqrt, comparisons, the reductions, the
// optimizer steps and the pooling kernels give the same bits in every set.
// Ops whose formula holds a product and a sum (Fma, Axpy, Axpby, Affine,
// NormFma, ...) round once in the assembly sets and twice in the generic one.
// The transcendental functions (Exp to Cos, and what uses them) differ between
// the generic set and the others by a few units in the last place; the
// assembly sets agree to the bit. Within a set the value of an element never
// depends on its position, on n or on the alignment.
type Vec struct {
	ops       [NumVecOps]elementwise
	withSlope [numCurves]elementwise // b is the second result

	sum, dot, sumSq, sumSqDev, sumExp, max, min reduction

	devSums, normSums reduction2 // see devSumsGeneric, normSumsGeneric
	normGrad          [2]fused   // without and with weight, see normGradGeneric

	sgd, sgdMomentum, sgdNesterov fused
	adaGrad, adam                 fused
	rmsProp                       [4]fused // bit 0 centered, bit 1 momentum

	columnDevs, columnSums, columnNorm, columnGrad columns

	maxPool     func(channels, pixels, xStep, taps int, offsets *int, ids *int32, x, y *float32, index *int32)
	maxPoolGrad func(channels, pixels, yStep, xStep, taps int, offsets *int, ids *int32, dy *float32, index *int32, dx *float32)

	depthwise       func(channels, pixels, xStep, yStep, wStep, taps int, offsets *int, ids *int32, x, w, y *float32)
	depthwiseWeight func(channels, pixels, xStep, yStep, wStep, taps int, offsets *int, ids *int32, x, dy, w *float32)

	cells     cells
	attention attentionKernels

	philox        func(n int, dst *uint32, key uint64, counter, hi uint64)
	philoxUniform func(n int, dst *float32, key uint64, counter, hi uint64)
}

const (
	// blockLen is the number of elements over which sums are kept in float32.
	blockLen = 1024

	// maxCall bounds the elements of one call into assembly, which cannot be
	// preempted: about 50 microseconds for the slowest op.
	maxCall = 1 << 14
)

// Run sets d[i] = op(a[i], b[i], c[i], s0, s1) for every i below len(d).
//
// Operands that the op does not read may be nil; the others have at least
// len(d) elements. d may be exactly the same memory as any operand (same
// first element); other overlaps give undefined values. Nothing outside the
// first len(d) elements is read or written.
//
// The worst errors against the exact value, in units in the last place of the
// result: Exp, Exp2, Tanh, Erf, Log, Log2, Log10, Log1p, Expm1, Sigmoid, Sin,
// Cos and ExpSub 4, the same for every size of argument including subnormal
// results; Pow 4; Silu 4; Gelu and GeluTanh 4 (1 + q), where the tail is e^-q:
// q = a^2/2 and sqrt(8/pi) (|a| + 0.044715 |a|^3); the slopes the same of the sum
// of the sizes of their two terms. For Tan and what follows it see vec_special.go.
// Infinities, NaN and overflow are treated as the C99 functions of the name do.
func (v *Vec) Run(op VecOp, d, a, b, c []float32, s0, s1 float32) {
	n := len(d)
	if n == 0 {
		return
	}
	switch operands[op] {
	case 3:
		_ = c[n-1]
		fallthrough
	case 2:
		_ = b[n-1]
		fallthrough
	case 1:
		_ = a[n-1]
	}
	f := v.ops[op]
	pd, pa, pb, pc := unsafe.SliceData(d), unsafe.SliceData(a), unsafe.SliceData(b), unsafe.SliceData(c)
	if n <= maxCall {
		f(n, pd, pa, pb, pc, s0, s1)
		return
	}
	for i := 0; i < n; i += maxCall {
		f(min(maxCall, n-i), elem(pd, i), elem(pa, i), elem(pb, i), elem(pc, i), s0, s1)
	}
}

// elem returns &p[i], or nil for nil.
func elem(p *float32, i int) *float32 {
	if p == nil {
		return nil
	}
	return (*float32)(unsafe.Add(unsafe.Pointer(p), i*4))
}
