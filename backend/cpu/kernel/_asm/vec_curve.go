package main

import "math"

// phiFit is (P(-x) e^(x^2/2) - 1/2)/u in u = 1 - 1/(1 + phiScale x), x >= 0, where P
// is the normal distribution; its error over 1 + x^2/2 is 4e-8 of P.
var phiFit = []float64{
	-0.997353561980192, 0.5650554948444337, 0.0510949221189834, -0.1107881703776505,
	-0.012124534410865128, -0.06587310161978488, 0.10659631306694617, -0.03660600128378105,
}

const (
	phiScale = 0.4
	// twice the argument of the tangent in GELU's approximation is x (bend0 + bend2 x^2)
	bend0 = 2 * math.Sqrt2 / math.SqrtPi
	bend2 = bend0 * 0.044715
)

// A curve is a function and its slope, of which a kernel computes one or both.
// Both bits are those of each alone.
type curve struct {
	name  string
	parts func(x v) (value, slope func() v)
}

func (g *vec) curves() {
	for _, c := range []curve{{"gelu", g.gelu}, {"geluTanh", g.geluTanh}, {"silu", g.silu}} {
		g.elementwise(c.name, 1, 0, 1, func(x, _ []v) v { value, _ := c.parts(x[0]); return value() })
		g.elementwise(c.name+"Slope", 1, 0, 1, func(x, _ []v) v { _, slope := c.parts(x[0]); return slope() })
		g.withSlope(c)
	}
}

// gelu is x P(x) and P(x) + x p(x), p the normal density.
func (g *vec) gelu(x v) (value, slope func() v) {
	one := g.load(g.num(1))
	a := g.mul(g.below(100, g.and(x, g.bits(restMask))), g.num(phiScale))
	u := g.div(a, g.add(a, one))
	e := g.expNegative(g.mul(g.mul(x, x), g.num(-0.5)))
	below := g.mul(g.fma(g.horner(phiFit, u), u, g.load(g.num(0.5))), e)
	p := g.blend(g.cmp(less, x, g.zero()), below, g.sub(one, below))
	return func() v { return g.mul(x, p) },
		func() v { return g.fma(g.mul(e, g.num(1/math.Sqrt(2*math.Pi))), x, p) }
}

// geluTanh is x s(w) and s(w) + x w' s(w) s(-w) with s the logistic function,
// as (1 + tanh(u))/2 = s(2u).
func (g *vec) geluTanh(x v) (value, slope func() v) {
	// Where x^2 is limited s is 0 or 1, and its slope 0.
	square := g.below(256, g.mul(x, x))
	w := g.mul(x, g.fma(square, g.num(bend2), g.load(g.num(bend0))))
	t, s, under := g.logistic(w)
	return func() v { return g.mul(x, s) }, func() v {
		bend := g.fma(square, g.num(3*bend2), g.load(g.num(bend0)))
		return g.fma(g.mul(x, g.div(t, g.mul(under, under))), bend, s)
	}
}

// silu is x s(x) and s(x) + x s(x) s(-x).
func (g *vec) silu(x v) (value, slope func() v) {
	t, s, under := g.logistic(x)
	return func() v { return g.mul(x, s) },
		func() v { return g.fma(x, g.div(t, g.mul(under, under)), s) }
}

// logistic returns t = e^-|x|, 1/(1 + e^-x) and 1 + t.
func (g *vec) logistic(x v) (t, s, under v) {
	t = g.expNegative(g.or(x, g.bits(signMask)))
	one := g.load(g.num(1))
	under = g.add(t, one)
	return t, g.div(g.blend(g.cmp(less, x, g.zero()), t, one), under), under
}
