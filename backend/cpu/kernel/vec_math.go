package kernel

import (
	"math"
	"math/bits"
)

// Scalar functions of float32, computed in float64 with every product rounded
// before it is added to something, so that all platforms agree to the bit.
// The errors are below 0.51 units in the last place of the float32 result.

const (
	log2e = 0x1.71547652b82fep+0
	ln2Hi = 0x1.62e42feep-1 // 32 bits: a product with a small integer is exact
	ln2Lo = 0x1.a39ef35793c76p-33

	piHalfHi = 0x1.921fb54400000p+0 // 33 bits
	piHalfLo = 0x1.0b4611a626331p-34
)

// poly returns c[0] + c[1] x + c[2] x^2 + ...
func poly(x float64, c []float64) float64 {
	s := c[len(c)-1]
	for i := len(c) - 2; i >= 0; i-- {
		s = float64(s*x) + c[i]
	}
	return s
}

// expm1Coef[k] is 1/(k+1)!: the Taylor series of (e^r - 1)/r, whose remainder
// is below 1e-14 for |r| <= ln(2)/2.
var expm1Coef = []float64{
	1, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320,
	1. / 362880, 1. / 3628800, 1. / 39916800,
}

// expParts returns p and 2^k with e^x = 2^k (1 + p), |p| < 0.42, for |x| < 700.
func expParts(x float64) (p, scale float64) {
	k := math.RoundToEven(x * log2e)
	r := x - float64(k*ln2Hi) - float64(k*ln2Lo)
	return float64(r * poly(r, expm1Coef)), math.Float64frombits(uint64(int64(k)+1023) << 52)
}

// exp64 is e^x for x in [-700, 700].
func exp64(x float64) float64 {
	p, scale := expParts(x)
	return float64(scale*p) + scale
}

// expm164 is e^x - 1 for x in [-700, 700], precise near 0.
func expm164(x float64) float64 {
	p, scale := expParts(x)
	return float64(scale*p) + (scale - 1)
}

// limit bounds x so that e^x stays a normal float64 and yet overflows or
// vanishes as a float32. A NaN passes.
func limit(x float64) float64 {
	if x > 200 {
		return 200
	}
	if x < -200 {
		return -200
	}
	return x
}

func exp32(x float32) float32 {
	if x != x {
		return x
	}
	return float32(exp64(limit(float64(x))))
}

// exp232 is 2^x = 2^k e^((x-k) ln 2) with k the nearest integer.
func exp232(x float32) float32 {
	if x != x {
		return x
	}
	y := limit(float64(x))
	k := math.RoundToEven(y)
	r := (y - k) * math.Ln2
	scale := math.Float64frombits(uint64(int64(k)+1023) << 52)
	return float32(float64(scale*float64(r*poly(r, expm1Coef))) + scale)
}

func expm132(x float32) float32 {
	if x != x || x == 0 {
		return x
	}
	return float32(expm164(limit(float64(x))))
}

func sigmoid32(x float32) float32 {
	if x != x {
		return x
	}
	return float32(1 / (1 + exp64(limit(-float64(x)))))
}

// tanh32 is t/(t+2) with t = e^2|x| - 1.
func tanh32(x float32) float32 {
	if x != x || x == 0 {
		return x
	}
	t := expm164(limit(2 * math.Abs(float64(x))))
	return float32(math.Copysign(t/(t+2), float64(x)))
}

// atanhCoef[k] is 2/(2k+1): the series of log((1+s)/(1-s))/s in s^2, whose
// remainder is below 1e-13 for |s| <= 0.172.
var atanhCoef = []float64{2, 2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11, 2. / 13, 2. / 15, 2. / 17}

// log64 is the logarithm of a positive normal number.
func log64(x float64) float64 {
	b := math.Float64bits(x)
	// 2^e times m in [sqrt(1/2), sqrt(2)).
	e := int64(b-0x3fe6a09e667f3bcd) >> 52
	m := math.Float64frombits(b - uint64(e)<<52)
	s := (m - 1) / (m + 1)
	l := float64(s * poly(s*s, atanhCoef))
	return float64(float64(e)*ln2Hi) + (float64(float64(e)*ln2Lo) + l)
}

func log32(x float32) float32 {
	switch {
	case x != x || x > math.MaxFloat32:
		return x
	case x < 0:
		return float32(math.NaN())
	case x == 0:
		return float32(math.Inf(-1))
	}
	return float32(log64(float64(x)))
}

// logOr returns what a logarithm of x is where x is no positive number.
func logOr(x float32, f func(x float64) float64) float32 {
	switch {
	case x != x || x > math.MaxFloat32:
		return x
	case x < 0:
		return nan32
	case x == 0:
		return float32(math.Inf(-1))
	}
	return float32(f(float64(x)))
}

func log232(x float32) float32 {
	return logOr(x, func(x float64) float64 { return log64(x) * (1 / math.Ln2) })
}

func log1032(x float32) float32 {
	return logOr(x, func(x float64) float64 { return log64(x) * (1 / math.Ln10) })
}

func log1p32(x float32) float32 {
	switch {
	case x != x || x > math.MaxFloat32 || x == 0:
		return x
	case x < -1:
		return float32(math.NaN())
	case x == -1:
		return float32(math.Inf(-1))
	}
	y := float64(x)
	if y > -0.25 && y < 0.4 {
		s := y / (2 + y)
		return float32(s * poly(s*s, atanhCoef))
	}
	return float32(log64(1 + y))
}

// erfSmall is a minimax fit of erf(x)/x in x^2 on [0, 1], error 3e-11.
var erfSmall = []float64{
	1.1283791670631584, -0.3761263848381169, 0.1128378274724262, -0.026865445823908395,
	0.00522107488520047, -0.000848471155229028, 0.00011270545232199324, -9.680138490541575e-06,
}

func erf32(x float32) float32 {
	y := math.Abs(float64(x))
	switch {
	case x != x:
		return x
	case y < 1:
		z := float64(x)
		return float32(z * poly(z*z, erfSmall))
	case y < 4: // erfc(4) is below half a unit of 1
		y = 1 - erfc64(y)
	default:
		y = 1
	}
	return float32(math.Copysign(y, float64(x)))
}

// twoOverPi is the binary expansion of 2/pi after 64 zero bits.
var twoOverPi = [6]uint64{0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0}

// quadrant returns q and r with x = q pi/2 + r, |r| <= pi/4, q modulo 4.
func quadrant(x float32) (q int, r float64) {
	if math.Abs(float64(x)) < 1<<20 {
		n := math.RoundToEven(float64(x) * (2 / math.Pi))
		return int(n) & 3, float64(x) - float64(n*piHalfHi) - float64(n*piHalfLo)
	}
	// Payne and Hanek: with |x| = m 2^e, only the bits of 2/pi of weight 2^(1-e)
	// and less matter modulo 4; w holds 128 of them.
	b := math.Float32bits(x)
	m := uint64(b&(1<<23-1) | 1<<23)
	e := int(b>>23&0xff) - 150
	p := e - 2 + 64
	word, shift := p/64, p%64
	window := func(i int) uint64 { return twoOverPi[i]<<shift | twoOverPi[i+1]>>(64-shift) }
	carry, low := bits.Mul64(m, window(word+1))
	high := m*window(word) + carry
	// The top two bits count quadrants, the rest is the fraction, here as a
	// signed number in [-1/2, 1/2).
	q = int(high >> 62)
	f := int64(high<<2 | low>>62)
	if f < 0 {
		q++
	}
	r = float64(f) * (math.Pi / 2 * 0x1p-64)
	if x < 0 {
		q, r = -q, -r
	}
	return q & 3, r
}

var (
	sinCoef = []float64{1, -1. / 6, 1. / 120, -1. / 5040, 1. / 362880, -1. / 39916800, 1. / 6227020800}
	cosCoef = []float64{1, -1. / 2, 1. / 24, -1. / 720, 1. / 40320, -1. / 3628800, 1. / 479001600}
)

// sinQuadrant returns sin(q pi/2 + r).
func sinQuadrant(q int, r float64) float32 {
	var y float64
	if q&1 == 0 {
		y = r * poly(r*r, sinCoef)
	} else {
		y = poly(r*r, cosCoef)
	}
	if q&2 != 0 {
		y = -y
	}
	return float32(y)
}

func sin32(x float32) float32 {
	if x == 0 {
		return x
	}
	if x-x != 0 { // infinite or NaN
		return float32(math.NaN())
	}
	return sinQuadrant(quadrant(x))
}

func cos32(x float32) float32 {
	if x-x != 0 {
		return float32(math.NaN())
	}
	q, r := quadrant(x)
	return sinQuadrant((q+1)&3, r)
}

// pow32 is x^y with the special cases of C99 (Annex F.9.4.4).
func pow32(x, y float32) float32 {
	ax := math.Abs(float64(x))
	switch {
	case y == 0 || x == 1:
		return 1
	case x != x || y != y:
		return float32(math.NaN())
	case math.IsInf(float64(y), 0):
		switch {
		case ax == 1:
			return 1
		case (ax > 1) == (y > 0):
			return float32(math.Inf(1))
		}
		return 0
	}
	integer := math.Trunc(float64(y)) == float64(y)
	odd := integer && math.Abs(float64(y)) < 1<<24 && int64(y)&1 == 1
	var r float64
	switch {
	case ax == 0 || math.IsInf(ax, 1):
		if (ax == 0) == (y > 0) {
			r = 0
		} else {
			r = math.Inf(1)
		}
	case x < 0 && !integer:
		return float32(math.NaN())
	default:
		r = exp64(limit(float64(float64(y) * log64(ax))))
	}
	if odd && math.Signbit(float64(x)) {
		r = -r
	}
	return float32(r)
}
