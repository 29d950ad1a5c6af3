package main

import (
	"math"

	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

// The functions of vec_math.go for arm64; the comments on the formulas are
// there.

// horner returns the polynomial in x.
func (g *vecNEON) horner(c []float64, x vn) vn {
	r := g.num(c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		// A multiply-add changes what it adds to: a fresh register.
		sum := g.fresh(c[i])
		g.Three(neon.FMLA, sum, r, x)
		r = sum
	}
	return r
}

// expReduce returns n and r with x = n ln 2 + r, |r| <= ln(2)/2.
func (g *vecNEON) expReduce(x vn) (n, r vn) {
	n = g.two(neon.FRINTN, g.mul(x, g.num(math.Log2E)))
	r = g.fnma(n, g.bits(ln2High), x)
	return n, g.fnma(n, g.num(ln2Low), r)
}

// scale returns p * 2^n for integral n in [-150, 128], rounded once: two
// factors, as 2^128 and 2^-150 are no normal numbers.
func (g *vecNEON) scale(p, n vn) vn {
	i := g.toInt(n)
	half := g.rightS(i, 1)
	rest := g.subInt(i, half)
	one := g.num(1)
	return g.mul(g.mul(p, g.addInt(g.left(half, 23), one)), g.addInt(g.left(rest, 23), one))
}

func (g *vecNEON) exp(x vn) vn { return g.expNegative(g.below(89, x)) }

// expNegative returns e^x for x <= 89.
func (g *vecNEON) expNegative(x vn) vn {
	n, r := g.expReduce(g.above(-104, x))
	p := g.horner(expFit, r)
	return g.scale(g.fma(p, g.mul(r, r), g.add(r, g.num(1))), n)
}

func (g *vecNEON) exp2(x vn) vn {
	x = g.above(-150, g.below(128, x))
	n := g.two(neon.FRINTN, x)
	r := g.mul(g.sub(x, n), g.num(math.Ln2))
	p := g.horner(expFit, r)
	return g.scale(g.fma(p, g.mul(r, r), g.add(r, g.num(1))), n)
}

func (g *vecNEON) expm1(x vn) vn {
	n, r := g.expReduce(g.above(-20, g.below(89, x)))
	q := g.fma(g.horner(expFit, r), g.mul(r, r), r)
	s := g.left(g.addInt(g.toInt(n), g.bits(126)), 23)
	t := g.fma(s, q, g.sub(s, g.num(0.5)))
	return g.or(g.add(t, t), g.signOf(x))
}

// logParts returns e as an integer and f with x = 2^e (1 + f).
func (g *vecNEON) logParts(x vn) (e, f vn) {
	i := g.subInt(x, g.bits(rootHalf))
	e = g.rightS(i, 23)
	mant := g.addInt(g.and(i, g.bits(1<<23-1)), g.bits(rootHalf))
	return e, g.sub(mant, g.num(1))
}

// logOf is logParts for any positive x, and with e as a float.
func (g *vecNEON) logOf(x vn) (e, f vn) {
	tiny := g.greater(g.bits(1<<23), x)
	e, f = g.logParts(g.blend(tiny, g.mul(x, g.num(1<<25)), x))
	return g.toFloat(g.subInt(e, g.keep(tiny, g.bits(25)))), f
}

// logFraction returns log(1+f).
func (g *vecNEON) logFraction(f vn) vn {
	f2 := g.mul(f, f)
	p := g.mul(g.horner(logFit, f), g.mul(f, f2))
	return g.add(f, g.fnma(f2, g.num(0.5), p))
}

// logSum returns log(1+f) + e ln 2.
func (g *vecNEON) logSum(e, f vn) vn {
	f2 := g.mul(f, f)
	p := g.mul(g.horner(logFit, f), g.mul(f, f2))
	p = g.fma(e, g.num(ln2Low), p)
	p = g.fnma(f2, g.num(0.5), p)
	return g.fma(e, g.bits(ln2High), g.add(f, p))
}

// logEdges returns r, but inf for inf, -inf for 0, NaN for a NaN and below 0.
func (g *vecNEON) logEdges(x, r vn) vn {
	r = g.blend(g.equal(x, g.bits(infinity)), x, r)
	zero := g.isZero(x)
	r = g.blend(zero, g.bits(infinity|signMask), r)
	return g.blend(g.or(zero, g.isPositive(x)), r, g.bits(notANum))
}

func (g *vecNEON) log(x vn) vn {
	e, f := g.logOf(x)
	return g.logEdges(x, g.logSum(e, f))
}

func (g *vecNEON) log2(x vn) vn {
	e, f := g.logOf(x)
	return g.logEdges(x, g.fma(g.logFraction(f), g.num(math.Log2E), e))
}

func (g *vecNEON) log10(x vn) vn {
	e, f := g.logOf(x)
	r := g.fma(e, g.num(log102Low), g.mul(g.logFraction(f), g.num(math.Log10E)))
	return g.logEdges(x, g.fma(e, g.bits(log102High), r))
}

func (g *vecNEON) log1p(x vn) vn {
	u := g.add(x, g.num(1))
	lost := g.sub(x, g.sub(u, g.num(1)))
	e, f := g.logParts(u)
	capped := g.three(neon.SMIN, e, g.bits(126))
	shrink := g.left(g.subInt(g.bits(127), capped), 23)
	r := g.logEdges(u, g.logSum(g.toFloat(e), g.fma(lost, shrink, f)))
	return g.or(r, g.signOf(x))
}

func (g *vecNEON) tanh(x vn) vn {
	a := g.abs(x)
	small := g.greater(g.num(0.6), a)
	s := g.mul(x, x)
	p := g.fma(g.horner(tanhFit, s), g.mul(x, s), x)
	e := g.exp(g.add(a, a))
	r := g.sub(g.num(1), g.div(g.num(2), g.add(e, g.num(1))))
	return g.blend(small, p, g.or(r, g.signOf(x)))
}

func (g *vecNEON) sigmoid(x vn) vn {
	t := g.expNegative(g.or(x, g.bits(signMask)))
	return g.div(g.blend(g.isNegative(x), t, g.num(1)), g.add(t, g.num(1)))
}

func (g *vecNEON) erf(x vn) vn {
	a := g.abs(x)
	small := g.greater(g.num(0.92), a)
	p := g.fma(g.horner(erfFit, g.mul(x, x)), x, x)
	a = g.below(4, a)
	q := g.fma(g.horner(erfcFit, a), a, g.two(neon.FNEG, a))
	r := g.sub(g.num(1), g.expNegative(q))
	return g.blend(small, p, g.or(r, g.signOf(x)))
}

// sin returns sin(x + quarters pi/2) for |x| < 2^16.
func (g *vecNEON) sin(x vn, quarters uint32) vn {
	n := g.two(neon.FRINTN, g.mul(x, g.num(2/math.Pi)))
	r := g.fnma(n, g.bits(halfPi1), x)
	r = g.fnma(n, g.bits(halfPi2), r)
	r = g.fnma(n, g.bits(halfPi3), r)
	q := g.toInt(n)
	if quarters != 0 {
		q = g.addInt(q, g.bits(quarters))
	}
	s := g.mul(r, r)
	odd := g.fma(g.horner(sinFit, s), g.mul(r, s), r)
	even := g.fma(g.horner(cosFit, s), g.mul(s, s), g.fnma(s, g.num(0.5), g.num(1)))
	useCos := g.equalInt(g.and(q, g.bits(1)), g.bits(1))
	y := g.blend(useCos, even, odd)
	y = g.xor(y, g.left(g.and(q, g.bits(2)), 30))
	if quarters == 0 {
		y = g.blend(g.isZero(x), x, y)
	}
	return y
}
