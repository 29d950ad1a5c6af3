package kernel

import (
	"math"
	"unsafe"
)

// Functions that training seldom uses: computed in float64 as those of
// vec_math.go are, in portable Go in every set. Their errors are below one unit
// in the last place, but for those of Lgamma, Digamma and Trigamma at negative
// arguments near a zero, where the error is that of a number of size 1.

// each lets a function of one number stand as a kernel.
func each(f func(x float32) float32) elementwise {
	return func(n int, pd, pa, _, _ *float32, _, _ float32) {
		d := unsafe.Slice(pd, n)
		a := unsafe.Slice(pa, n)[:len(d)]
		for i, x := range a {
			d[i] = f(x)
		}
	}
}

// eachPair lets a function of two numbers stand as a kernel.
func eachPair(f func(x, y float32) float32) elementwise {
	return func(n int, pd, pa, pb, _ *float32, _, _ float32) {
		d := unsafe.Slice(pd, n)
		a := unsafe.Slice(pa, n)[:len(d)]
		b := unsafe.Slice(pb, n)[:len(d)]
		for i, x := range a {
			d[i] = f(x, b[i])
		}
	}
}

var nan32 = float32(math.NaN())

// withSign returns |y| with the sign of x.
func withSign(y float64, x float32) float32 { return float32(math.Copysign(y, float64(x))) }

func tan32(x float32) float32 {
	if x == 0 {
		return x
	}
	if x-x != 0 { // infinite or NaN
		return nan32
	}
	q, r := quadrant(x)
	s, c := r*poly(r*r, sinCoef), poly(r*r, cosCoef)
	if q&1 == 1 {
		s, c = -c, s
	}
	return float32(s / c)
}

// atanCoef[k] is (-1)^k/(2k+1): the series of atan(z)/z in z^2, whose remainder
// is below 1e-13 for |z| <= tan(pi/8).
var atanCoef = []float64{1, -1. / 3, 1. / 5, -1. / 7, 1. / 9, -1. / 11, 1. / 13, -1. / 15, 1. / 17, -1. / 19, 1. / 21, -1. / 23, 1. / 25, -1. / 27, 1. / 29}

// atan64 is the arc tangent of x >= 0, also of +Inf.
func atan64(x float64) float64 {
	const tan8 = 0.41421356237309503 // of pi/8
	switch {
	case x > 1/tan8:
		x = 1 / x
		return math.Pi/2 - float64(x*poly(x*x, atanCoef))
	case x > tan8:
		x = (x - 1) / (x + 1)
		return math.Pi/4 + float64(x*poly(x*x, atanCoef))
	}
	return x * poly(x*x, atanCoef)
}

func atan32(x float32) float32 {
	if x != x {
		return x
	}
	return withSign(atan64(math.Abs(float64(x))), x)
}

// asin32 is atan(x / sqrt(1 - x^2)).
func asin32(x float32) float32 {
	a := math.Abs(float64(x))
	if !(a <= 1) {
		return nan32
	}
	return withSign(atan64(a/math.Sqrt((1-a)*(1+a))), x)
}

// acos32 is 2 atan(sqrt((1-x) / (1+x))).
func acos32(x float32) float32 {
	y := float64(x)
	if !(y >= -1 && y <= 1) {
		return nan32
	}
	return float32(2 * atan64(math.Sqrt((1-y)/(1+y))))
}

// atan2of is the angle of the point (x, y), with the special cases of C99.
func atan2of(y, x float32) float32 {
	ay, ax := math.Abs(float64(y)), math.Abs(float64(x))
	var t float64
	switch {
	case x != x || y != y:
		return nan32
	case ay == 0:
		t = 0
	case math.IsInf(ay, 1) && math.IsInf(ax, 1):
		t = math.Pi / 4
	default:
		t = atan64(ay / ax)
	}
	if math.Signbit(float64(x)) {
		t = math.Pi - t
	}
	return withSign(t, y)
}

// sinh32 is (t + t/(t+1))/2 with t = e^|x| - 1.
func sinh32(x float32) float32 {
	if x != x || x == 0 {
		return x
	}
	t := expm164(limit(math.Abs(float64(x))))
	return withSign((t+t/(t+1))/2, x)
}

func cosh32(x float32) float32 {
	if x != x {
		return x
	}
	e := exp64(limit(math.Abs(float64(x))))
	return float32((e + 1/e) / 2)
}

// log1p64 is log(1 + y) for y > -1.
func log1p64(y float64) float64 {
	if y > -0.25 && y < 0.4 {
		s := y / (2 + y)
		return s * poly(s*s, atanhCoef)
	}
	return log64(1 + y)
}

// asinh32 is log(a + sqrt(a^2 + 1)) with a = |x|.
func asinh32(x float32) float32 {
	a := math.Abs(float64(x))
	if !(a <= math.MaxFloat32) || a == 0 {
		return x
	}
	return withSign(log1p64(a+float64(a*a)/(1+math.Sqrt(float64(a*a)+1))), x)
}

// acosh32 is log(x + sqrt(x^2 - 1)).
func acosh32(x float32) float32 {
	switch {
	case !(x >= 1):
		return nan32
	case x > math.MaxFloat32:
		return x
	}
	t := float64(x) - 1
	return float32(log1p64(t + math.Sqrt(2*t+float64(t*t))))
}

// atanh32 is log((1+a) / (1-a))/2 with a = |x|.
func atanh32(x float32) float32 {
	a := math.Abs(float64(x))
	switch {
	case !(a <= 1):
		return nan32
	case a == 0:
		return x
	case a == 1:
		return withSign(math.Inf(1), x)
	}
	return withSign(log1p64(2*a/(1-a))/2, x)
}

// Fits whose errors are below 5e-12: of log(erfc(y)) + y^2 in y on [0.95, 2.05],
// of log(erfc(y)) + y^2 + log(y) in 1/y on [1.95, 10.3].
var (
	erfcMiddle = []float64{
		4.668656305409297e-05, -1.12872110696817, 0.3645000670683696, -0.1049290589404556, 0.02182124805107691,
		-0.0020420609419035873, -0.00046715081880566433, 0.0002205913334509803, -3.7241223841046716e-05, 2.5159420979427e-06,
	}
	erfcTail = []float64{
		-0.5723652034349601, 1.4936094205756713e-05, -0.5003799254836176, 0.005648879754885926, 0.5707074132005738,
		0.3500924148955532, -3.041201839120217, 3.8825593409445642, 2.069527235920435, -12.713643116704603,
		17.648332357027435, -11.78314253155169, 3.257289813575233,
	}
)

// erfc64 is 1 - erf(y) for y >= 0, 0 where float32 holds nothing that small.
func erfc64(y float64) float64 {
	switch {
	case y < 1:
		return 1 - float64(y*poly(y*y, erfSmall))
	case y < 2:
		return exp64(poly(y, erfcMiddle) - float64(y*y))
	case y < 10.2:
		return exp64(poly(1/y, erfcTail)-float64(y*y)) / y
	}
	return 0
}

func erfc32(x float32) float32 {
	switch {
	case x != x:
		return x
	case x < 0:
		return float32(2 - erfc64(-float64(x)))
	}
	return float32(erfc64(float64(x)))
}

// erfinv32 improves the approximation of Winitzki (2008) by Newton steps on
// erf for small results, on erfc for large ones, where 1 - |x| is exact.
func erfinv32(x float32) float32 {
	a := math.Abs(float64(x))
	switch {
	case !(a <= 1):
		return nan32
	case a == 0:
		return x
	case a == 1:
		return withSign(math.Inf(1), x)
	}
	const c = 0.147
	l := log64((1 - a) * (1 + a))
	h := 2/(math.Pi*c) + l/2
	y := math.Sqrt(math.Sqrt(float64(h*h)-l/c) - h)
	if a < 1e-4 { // there the two roots cancel
		y = a * math.SqrtPi / 2
	}
	for range 3 {
		var miss float64
		if y < 1 {
			miss = float64(y*poly(y*y, erfSmall)) - a
		} else {
			miss = (1 - a) - erfc64(y)
		}
		y -= miss * (math.SqrtPi / 2) * exp64(float64(y*y))
	}
	return withSign(y, x)
}

// lgammaCoef[k] is (-1)^k (zeta(k+2)-1)/(k+2): the series of lgamma(2+z) less
// (1-gamma) z, over z^2, whose remainder is below 1e-15 for |z| <= 1/2.
var lgammaCoef = []float64{
	0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986, 0.0028905103307415234,
	-0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939, 9.945751278180853e-05, -4.492623673813314e-05,
	2.050721277567069e-05, -9.439488275268397e-06, 4.374866789907488e-06, -2.039215753801366e-06, 9.55141213040742e-07,
	-4.492469198764566e-07, 2.1207184805554665e-07, -1.0043224823968099e-07, 4.7698101693639804e-08, -2.2711094608943164e-08,
	1.0838659214896955e-08, -5.183475041970047e-09, 2.4836745438024785e-09, -1.1921401405860912e-09,
}

// lgamma64 is log(gamma(x)) for x > 0: by its series around 1 and 2, by
// Stirling's from 8 on, and in between from the interval around 2.
func lgamma64(x float64) float64 {
	around2 := func(z float64) float64 {
		return float64(z*0.42278433509846713) + float64(float64(z*z)*poly(z, lgammaCoef))
	}
	switch {
	case x < 0.5:
		return around2(x) - log1p64(x) - log64(x)
	case x < 1.5:
		return around2(x-1) - log1p64(x-1)
	case x < 8:
		p := 1.0
		for x > 2.5 {
			x--
			p *= x
		}
		return around2(x-2) + log64(p)
	}
	r := 1 / x
	tail := float64(r * poly(r*r, []float64{1. / 12, -1. / 360, 1. / 1260, -1. / 1680, 1. / 1188}))
	return float64((x-0.5)*log64(x)) - x + 0.9189385332046728 + tail // log(2 pi)/2
}

// turn returns sin(pi x) and cos(pi x), both up to the same sign.
func turn(x float64) (sin, cos float64) {
	r := (x - math.RoundToEven(x)) * math.Pi
	switch {
	case r > math.Pi/4:
		r = math.Pi/2 - r
		return poly(r*r, cosCoef), r * poly(r*r, sinCoef)
	case r < -math.Pi/4:
		r = math.Pi/2 + r
		return -poly(r*r, cosCoef), r * poly(r*r, sinCoef)
	}
	return r * poly(r*r, sinCoef), poly(r*r, cosCoef)
}

// whole reports whether x has no fraction.
func whole(x float64) bool { return math.Trunc(x) == x }

// lgamma32 is log|gamma(x)|: below 0 log(pi / |x sin(pi x)|) - lgamma(-x), +Inf
// at 0, at negative whole numbers and at both infinities.
func lgamma32(x float32) float32 {
	y := float64(x)
	switch {
	case x != x:
		return x
	case math.IsInf(y, 0) || y <= 0 && whole(y):
		return float32(math.Inf(1))
	case y > 0:
		return float32(lgamma64(y))
	}
	s, _ := turn(y)
	return float32(log64(math.Pi/math.Abs(y*s)) - lgamma64(-y))
}

// digamma64 is the logarithmic derivative of gamma at x > 0.
func digamma64(x float64) float64 {
	var sum float64
	for ; x < 10; x++ {
		sum += 1 / x
	}
	r := 1 / x
	tail := float64(r * r * poly(r*r, []float64{1. / 12, -1. / 120, 1. / 252, -1. / 240, 1. / 132}))
	return log64(x) - float64(0.5*r) - tail - sum
}

// digamma32 is, below 0, digamma(1-x) - pi/tan(pi x); infinite at 0, of the
// sign opposite to the zero's, and NaN at negative whole numbers.
func digamma32(x float32) float32 {
	y := float64(x)
	switch {
	case x == 0:
		return withSign(math.Inf(1), -x)
	case x != x || math.IsInf(y, 1):
		return x
	case y < 0 && whole(y):
		return nan32
	case y > 0:
		return float32(digamma64(y))
	}
	s, c := turn(y)
	return float32(digamma64(1-y) - math.Pi*c/s)
}

// trigamma64 is the derivative of digamma at x > 0.
func trigamma64(x float64) float64 {
	var sum float64
	for ; x < 10; x++ {
		sum += 1 / float64(x*x)
	}
	r := 1 / x
	tail := float64(r * r * r * poly(r*r, []float64{1. / 6, -1. / 30, 1. / 42, -1. / 30, 5. / 66}))
	return sum + (r + float64(0.5*r*r) + tail)
}

// trigamma32 is, below 0, (pi/sin(pi x))^2 - trigamma(1-x); +Inf at 0 and at
// negative whole numbers.
func trigamma32(x float32) float32 {
	y := float64(x)
	switch {
	case x != x || math.IsInf(y, -1):
		return nan32
	case y <= 0 && whole(y):
		return float32(math.Inf(1))
	case y > 0:
		return float32(trigamma64(y))
	}
	s, _ := turn(y)
	s = math.Pi / s
	return float32(float64(s*s) - trigamma64(1-y))
}

// fmod64 is x less the multiple of y that leaves the smallest rest of the sign
// of x, exactly, for x and y that are float32.
func fmod64(x, y float64) float64 {
	const limit = 1 << 28
	if q := x / y; q > -limit && q < limit && y-y == 0 {
		// The product is exact, and so is the difference.
		r := x - float64(math.Trunc(q)*y)
		if r == 0 {
			return math.Copysign(0, x)
		}
		return r
	}
	return math.Mod(x, y)
}

func fmod32(x, y float32) float32 { return float32(fmod64(float64(x), float64(y))) }

// remainder64 is fmod64 with the sign of y.
func remainder64(x, y float64) float64 {
	r := fmod64(x, y)
	if r != 0 && (r < 0) != (y < 0) {
		r += y
	}
	return r
}

func remainder32(x, y float32) float32 { return float32(remainder64(float64(x), float64(y))) }

// floorDivide32 rounds the quotient down; see torch.floor_divide for its zeros.
func floorDivide32(x, y float32) float32 {
	a, b := float64(x), float64(y)
	if b == 0 {
		return x / y
	}
	r := fmod64(a, b)
	q := (a - r) / b
	if r != 0 && (r < 0) != (b < 0) {
		q--
	}
	if q == 0 {
		return float32(math.Copysign(0, a/b))
	}
	return float32(math.RoundToEven(q))
}

func hypot32(x, y float32) float32 {
	a, b := float64(x), float64(y)
	if math.IsInf(a, 0) || math.IsInf(b, 0) {
		return float32(math.Inf(1))
	}
	return float32(math.Sqrt(float64(a*a) + float64(b*b)))
}

func copySign32(x, y float32) float32 {
	return math.Float32frombits(math.Float32bits(x)&^signBit | math.Float32bits(y)&signBit)
}

// logAddExp32 is log(e^x + e^y) = m + log(1 + e^-|x-y|), m the larger.
func logAddExp32(x, y float32) float32 {
	switch {
	case x != x || y != y:
		return nan32
	case x == y && x-x != 0: // both the same infinity
		return x
	}
	a, b := float64(x), float64(y)
	return float32(max(a, b) + log1p64(exp64(limit(-math.Abs(a-b)))))
}
