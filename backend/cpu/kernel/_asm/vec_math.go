package main

import (
	"math"
)

// Coefficients of polynomials, lowest power first: minimax fits to the range
// named. The error bounds of whole functions are held by the kernel tests.
var (
	// (e^r - 1 - r)/r^2 on [-ln(2)/2, ln(2)/2]
	expFit = []float64{0.4999999403953552, 0.16666515171527863, 0.04166845604777336, 0.008369418792426586, 0.0013813144760206342}
	// (log(1+f) - f + f^2/2)/f^3 on [sqrt(1/2)-1, sqrt(2)-1]
	logFit = []float64{
		0.3333333134651184, -0.2500081956386566, 0.20001226663589478, -0.16623356938362122,
		0.14201758801937103, -0.13160182535648346, 0.12761574983596802, -0.07634492963552475,
	}
	// (tanh(x)/x - 1)/x^2 in x^2, |x| < 0.6
	tanhFit = []float64{-0.33333298563957214, 0.13331958651542664, -0.053786683827638626, 0.02080538496375084, -0.005905868019908667}
	// erf(x)/x - 1 in x^2, |x| < 0.92
	erfFit = []float64{0.12837915122509003, -0.37612494826316833, 0.11281802505254745, -0.026765568181872368, 0.004990980960428715, -0.0005976895918138325}
	// log(erfc(x))/x + 1 on [0.92, 4]
	erfcFit = []float64{-0.12863707542419434, -0.6351980566978455, -0.1061590313911438, 0.02369455248117447, -0.003610334824770689, 0.00031485623912885785, -1.0432917406433262e-05}
	// (sin(r)/r - 1)/r^2 and (cos(r) - 1 + r^2/2)/r^4 in r^2, |r| <= pi/4
	sinFit = []float64{-0.16666654943681844, 0.00833217814523265, -0.00019517298882394034}
	cosFit = []float64{0.04166664686640062, -0.0013887367513983704, 2.4438451416780975e-05}
)

const (
	ln2High = 0x3f317200 // ln 2 to 15 bits: its product with an exponent is exact
	// pi/2 in three floats
	halfPi1, halfPi2, halfPi3 = 0x3fc90fdb, 0xb33bbd2e, 0xa6f72ced

	log102High = 0x3e9a2000 // log10(2) to 12 bits

	rootHalf = 0x3f3504f3 // sqrt(1/2)
	infinity = 0x7f800000
	notANum  = 0x7fc00000
)

var (
	ln2Low    = math.Ln2 - float64(math.Float32frombits(ln2High))
	log102Low = math.Log10E*math.Ln2 - float64(math.Float32frombits(log102High))
)

// horner returns the polynomial in x.
func (g *vec) horner(c []float64, x v) v {
	r := g.load(g.num(c[len(c)-1]))
	for i := len(c) - 2; i >= 0; i-- {
		g.VFMADD213PS(g.num(c[i]), x, r)
	}
	return r
}

// expReduce returns n and r with x = n ln 2 + r, |r| <= ln(2)/2.
func (g *vec) expReduce(x v) (n, r v) {
	n = g.round(nearest, g.mul(x, g.num(math.Log2E)))
	r = g.fnma(n, g.bits(ln2High), x)
	g.VFNMADD231PS(g.num(ln2Low), n, r)
	return n, r
}

// scale returns p * 2^n for integral n in [-150, 128], rounded once.
func (g *vec) scale(p, n v) v {
	if g.wide() {
		r := g.reg()
		g.VSCALEFPS(n, p, r)
		return r
	}
	// Two factors, as 2^128 and 2^-150 are no normal numbers.
	i := g.toInt(n)
	half := g.rightS(i, 1)
	rest := g.subInt(i, half)
	one := g.bits(0x3f800000)
	return g.mul(g.mul(p, g.addInt(g.left(half, 23), one)), g.addInt(g.left(rest, 23), one))
}

// above returns x, but at least low. NaN stays.
func (g *vec) above(low float64, x v) v { return g.max(g.load(g.num(low)), x) }

// below returns x, but at most high. NaN stays.
func (g *vec) below(high float64, x v) v { return g.min(g.load(g.num(high)), x) }

// exp returns e^x.
func (g *vec) exp(x v) v { return g.expNegative(g.below(89, x)) }

// expNegative returns e^x for x <= 89.
func (g *vec) expNegative(x v) v {
	n, r := g.expReduce(g.above(-104, x))
	p := g.horner(expFit, r)
	q := g.mul(r, r)
	g.VFMADD213PS(g.add(r, g.num(1)), q, p) // 1 + r + r^2 P
	return g.scale(p, n)
}

// exp2 returns 2^x = 2^n e^(r ln 2), n the nearest integer.
func (g *vec) exp2(x v) v {
	x = g.above(-150, g.below(128, x))
	n := g.round(nearest, x)
	r := g.mul(g.sub(x, n), g.num(math.Ln2))
	p := g.horner(expFit, r)
	g.VFMADD213PS(g.add(r, g.num(1)), g.mul(r, r), p) // 1 + r + r^2 P
	return g.scale(p, n)
}

// expm1 returns e^x - 1 = 2 (s q + (s - 1/2)) with s = 2^(n-1), q = e^r - 1.
func (g *vec) expm1(x v) v {
	n, r := g.expReduce(g.above(-20, g.below(89, x)))
	q := g.horner(expFit, r)
	g.VFMADD213PS(r, g.mul(r, r), q)
	s := g.left(g.addInt(g.toInt(n), g.bits(126)), 23)
	t := g.sub(s, g.num(0.5))
	g.VFMADD231PS(q, s, t)
	return g.or(g.add(t, t), g.and(x, g.bits(signMask)))
}

// logParts returns e as a float and f with x = 2^e (1 + f),
// 1 + f in [sqrt(1/2), sqrt(2)), for normal positive x.
func (g *vec) logParts(x v) (e, f v) {
	i := g.subInt(x, g.bits(rootHalf))
	e = g.rightS(i, 23)
	mant := g.addInt(g.and(i, g.bits(1<<23-1)), g.bits(rootHalf))
	return e, g.sub(mant, g.num(1))
}

// logOf is logParts for any positive x, and with e as a float.
func (g *vec) logOf(x v) (e, f v) {
	// Subnormal numbers are scaled by 2^25.
	tiny := g.cmp(less, x, g.bits(1<<23))
	e, f = g.logParts(g.blend(tiny, g.mul(x, g.num(1<<25)), x))
	return g.toFloat(g.subInt(e, g.keep(tiny, g.bits(25)))), f
}

// logFraction returns log(1+f).
func (g *vec) logFraction(f v) v {
	f2 := g.mul(f, f)
	p := g.mul(g.horner(logFit, f), g.mul(f, f2))
	g.VFNMADD231PS(g.num(0.5), f2, p)
	return g.add(f, p)
}

// logSum returns log(1+f) + e ln 2.
func (g *vec) logSum(e, f v) v {
	f2 := g.mul(f, f)
	p := g.horner(logFit, f)
	p = g.mul(p, g.mul(f, f2))
	g.VFMADD231PS(g.num(ln2Low), e, p)
	g.VFNMADD231PS(g.num(0.5), f2, p)
	r := g.add(f, p)
	g.VFMADD231PS(g.bits(ln2High), e, r)
	return r
}

// logEdges returns r, but inf for inf, -inf for 0, NaN for a NaN and below 0.
func (g *vec) logEdges(x, r v) v {
	r = g.blend(g.cmp(equal, x, g.bits(infinity)), x, r)
	r = g.blend(g.cmp(equal, x, g.zero()), g.bits(infinity|signMask), r)
	return g.blend(g.cmp(notGreatEq, x, g.zero()), g.bits(notANum), r)
}

func (g *vec) log(x v) v {
	e, f := g.logOf(x)
	return g.logEdges(x, g.logSum(e, f))
}

// log2 is e + log(1+f) / ln 2.
func (g *vec) log2(x v) v {
	e, f := g.logOf(x)
	return g.logEdges(x, g.fma(g.logFraction(f), g.num(math.Log2E), e))
}

// log10 is e log10(2) + log(1+f) / ln 10, log10(2) in two floats.
func (g *vec) log10(x v) v {
	e, f := g.logOf(x)
	r := g.mul(g.logFraction(f), g.num(math.Log10E))
	g.VFMADD231PS(g.num(log102Low), e, r)
	g.VFMADD231PS(g.bits(log102High), e, r)
	return g.logEdges(x, r)
}

// log1p takes the logarithm of u = 1+x and puts back into its fraction what
// the sum lost.
func (g *vec) log1p(x v) v {
	u := g.add(x, g.num(1))
	lost := g.sub(x, g.sub(u, g.num(1)))
	e, f := g.logParts(u)
	// 2^-e, kept a normal number: for the largest u nothing counts as lost.
	capped := g.reg()
	g.VPMINSD(g.bits(126), e, capped)
	shrink := g.left(g.subInt(g.load(g.bits(127)), capped), 23)
	f = g.fma(lost, shrink, f)
	r := g.logEdges(u, g.logSum(g.toFloat(e), f))
	return g.or(r, g.and(x, g.bits(signMask)))
}

// tanh is x + x^3 P(x^2), or 1 - 2/(e^2|x| + 1) with the sign of x.
func (g *vec) tanh(x v) v {
	a := g.and(x, g.bits(restMask))
	small := g.cmp(less, a, g.num(0.6))
	s := g.mul(x, x)
	p := g.horner(tanhFit, s)
	g.VFMADD213PS(x, g.mul(x, s), p)
	e := g.exp(g.add(a, a))
	r := g.sub(g.load(g.num(1)), g.div(g.load(g.num(2)), g.add(e, g.num(1))))
	return g.blend(small, p, g.or(r, g.and(x, g.bits(signMask))))
}

// sigmoid is 1/(1+t) or t/(1+t) with t = e^-|x|, which never overflows.
func (g *vec) sigmoid(x v) v {
	t := g.expNegative(g.or(x, g.bits(signMask)))
	one := g.load(g.num(1))
	negative := g.cmp(less, x, g.zero())
	return g.div(g.blend(negative, t, one), g.add(t, one))
}

// erf is x + x P(x^2), or 1 - e^q(|x|) with the sign of x.
func (g *vec) erf(x v) v {
	a := g.and(x, g.bits(restMask))
	small := g.cmp(less, a, g.num(0.92))
	p := g.horner(erfFit, g.mul(x, x))
	g.VFMADD213PS(x, x, p)
	a = g.below(4, a)
	q := g.horner(erfcFit, a)
	g.VFMSUB213PS(a, a, q) // a Q - a
	r := g.sub(g.load(g.num(1)), g.expNegative(q))
	return g.blend(small, p, g.or(r, g.and(x, g.bits(signMask))))
}

// sin returns sin(x + quarters pi/2) for |x| < 2^16.
func (g *vec) sin(x v, quarters uint32) v {
	n := g.round(nearest, g.mul(x, g.num(2/math.Pi)))
	r := g.fnma(n, g.bits(halfPi1), x)
	g.VFNMADD231PS(g.bits(halfPi2), n, r)
	g.VFNMADD231PS(g.bits(halfPi3), n, r)
	q := g.toInt(n)
	if quarters != 0 {
		q = g.addInt(q, g.bits(quarters))
	}
	s := g.mul(r, r)
	odd := g.horner(sinFit, s)
	g.VFMADD213PS(r, g.mul(r, s), odd) // r + r^3 P
	even := g.horner(cosFit, s)
	g.VFMADD213PS(g.fnma(s, g.num(0.5), g.load(g.num(1))), g.mul(s, s), even) // 1 - s/2 + s^2 P
	useSin := g.equalInt(g.and(q, g.bits(1)), g.zero())
	y := g.blend(useSin, odd, even)
	// Quadrants 2 and 3 change the sign.
	y = g.xor(y, g.left(g.and(q, g.bits(2)), 30))
	if quarters == 0 {
		// -0 stays: n is -0 there and r became +0.
		y = g.blend(g.cmp(equal, x, g.zero()), x, y)
	}
	return y
}
