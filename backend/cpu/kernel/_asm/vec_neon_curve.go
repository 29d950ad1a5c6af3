package main

import "math"

// The functions of vec_curve.go for arm64; the comments on the formulas are
// there.

func (g *vecNEON) curves() {
	for _, c := range []struct {
		name  string
		parts func(x vn) (value, slope func() vn)
	}{
		{"gelu", func(x vn) (value, slope func() vn) { return g.gelu(x) }},
		{"geluTanh", func(x vn) (value, slope func() vn) { return g.geluTanh(x) }},
		{"silu", func(x vn) (value, slope func() vn) { return g.silu(x) }},
	} {
		g.elementwise(c.name, 1, 0, 1, func(x, _ []vn) vn { value, _ := c.parts(x[0]); return value() })
		g.elementwise(c.name+"Slope", 1, 0, 1, func(x, _ []vn) vn { _, slope := c.parts(x[0]); return slope() })
		g.withSlope(c.name, c.parts)
	}
}

func (g *vecNEON) gelu(x vn) (value, slope func() vn) {
	one := g.num(1)
	a := g.mul(g.below(100, g.abs(x)), g.num(phiScale))
	u := g.div(a, g.add(a, one))
	e := g.expNegative(g.mul(g.mul(x, x), g.num(-0.5)))
	below := g.mul(g.fma(g.horner(phiFit, u), u, g.num(0.5)), e)
	p := g.blend(g.isNegative(x), below, g.sub(one, below))
	return func() vn { return g.mul(x, p) },
		func() vn { return g.fma(g.mul(e, g.num(1/math.Sqrt(2*math.Pi))), x, p) }
}

func (g *vecNEON) geluTanh(x vn) (value, slope func() vn) {
	square := g.below(256, g.mul(x, x))
	w := g.mul(x, g.fma(square, g.num(bend2), g.num(bend0)))
	t, s, under := g.logistic(w)
	return func() vn { return g.mul(x, s) }, func() vn {
		bend := g.fma(square, g.num(3*bend2), g.num(bend0))
		return g.fma(g.mul(x, g.div(t, g.mul(under, under))), bend, s)
	}
}

func (g *vecNEON) silu(x vn) (value, slope func() vn) {
	t, s, under := g.logistic(x)
	return func() vn { return g.mul(x, s) },
		func() vn { return g.fma(x, g.div(t, g.mul(under, under)), s) }
}

func (g *vecNEON) logistic(x vn) (t, s, under vn) {
	t = g.expNegative(g.or(x, g.bits(signMask)))
	under = g.add(t, g.num(1))
	return t, g.div(g.blend(g.isNegative(x), t, g.num(1)), under), under
}
