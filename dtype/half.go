package dtype

import "math"

// BF16 holds the bits of a BFloat16: a float32 cut to its upper half, with the
// range of float32 and a precision of 8 bits.
//
// It is a type to store numbers in; arithmetic is done in wider types. A number
// becomes one by rounding to nearest, halves to even, once, also from a
// float64 (PyTorch goes through float32 and rounds twice). What is too large
// becomes infinite, a subnormal stays one, and a NaN keeps its sign and the
// upper bits of its payload, and becomes quiet.
type BF16 uint16

// F16 holds the bits of a Float16 (IEEE 754 binary16), whose largest number is
// 65504 and whose precision is 11 bits. It rounds as [BF16] does.
type F16 uint16

// NewBF16 rounds x.
func NewBF16(x float64) BF16 { return BF16(round(x, 8, 7)) }

// NewF16 rounds x.
func NewF16(x float64) F16 { return F16(round(x, 5, 10)) }

// Float is the number.
func (h BF16) Float() float64 { return float64(math.Float32frombits(uint32(h) << 16)) }

// Float is the number.
func (h F16) Float() float64 { return widen(uint16(h), 5, 10) }

// round returns the bits of the number nearest to x in a format of 16 bits.
func round(x float64, exponentBits, fractionBits int) uint16 {
	bits := math.Float64bits(x)
	sign := uint16(bits>>63) << 15
	bias := 1<<(exponentBits-1) - 1
	infinity := uint16(1<<exponentBits-1) << fractionBits
	if x != x {
		payload := uint16(bits << 12 >> (64 - fractionBits))
		return sign | infinity | payload | 1<<(fractionBits-1)
	}
	if x == 0 {
		return sign
	}
	x = math.Abs(x)
	// The unit in the last place of the result: that of the binade of x, and
	// among subnormals that of the smallest normal numbers.
	_, e := math.Frexp(x) // x < 2^e
	unit := max(e-1, 1-bias) - fractionBits
	n := math.RoundToEven(math.Ldexp(x, -unit)) // exact but for the rounding
	if x > math.Ldexp(1, bias+1) {              // infinities too
		return sign | infinity
	}
	// A fraction that carries makes the exponent one greater, up to infinity:
	// n counts from the start of the binade before.
	return sign | uint16(int(n)+(unit+fractionBits+bias-1)<<fractionBits)
}

// widen returns the number with those bits.
func widen(h uint16, exponentBits, fractionBits int) float64 {
	fraction := int(h) & (1<<fractionBits - 1)
	exponent := int(h) >> fractionBits & (1<<exponentBits - 1)
	bias := 1<<(exponentBits-1) - 1
	x := 0.0
	switch exponent {
	case 1<<exponentBits - 1:
		x = math.Float64frombits(0x7ff<<52 | uint64(fraction)<<(52-fractionBits))
	case 0:
		x = math.Ldexp(float64(fraction), 1-bias-fractionBits)
	default:
		x = math.Ldexp(float64(fraction+1<<fractionBits), exponent-bias-fractionBits)
	}
	if h>>15 != 0 {
		return math.Copysign(x, -1)
	}
	return x
}
