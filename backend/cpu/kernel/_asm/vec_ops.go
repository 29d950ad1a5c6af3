package main

import "github.com/mmcloughlin/avo/reg"

// withSlope writes d[i] = value of a[i], b[i] = slope at a[i]. Either result may
// be the operand.
func (g *vec) withSlope(c curve) {
	g.function(c.name+"WithSlope", "func(n int, d, a, b, c *float32, s0, s1 float32)",
		"sets the first n elements of d and b; see Vec.WithSlope.")
	n := g.Load(g.Param("n"), g.GP64())
	d := g.Load(g.Param("d"), g.GP64())
	a := g.Load(g.Param("a"), g.GP64())
	b := g.Load(g.Param("b"), g.GP64())
	g.loop(n, 1, func(i reg.GPVirtual, disp int, mask m) {
		value, slope := c.parts(g.in(a, i, disp, mask))
		g.out(value(), d, i, disp, mask)
		g.out(slope(), b, i, disp, mask)
	})
}

// elementwise writes d[i] = body(a[i], b[i], c[i]) with that many vector
// operands and scalars. d may be any of the operands.
func (g *vec) elementwise(name string, operands, scalars, unroll int, body func(x []v, s []v) v) {
	g.function(name, "func(n int, d, a, b, c *float32, s0, s1 float32)",
		"sets the first n elements of d; see the VecOp of the name.")
	n := g.Load(g.Param("n"), g.GP64())
	d := g.Load(g.Param("d"), g.GP64())
	var from []reg.Register
	for _, p := range []string{"a", "b", "c"}[:operands] {
		from = append(from, g.Load(g.Param(p), g.GP64()))
	}
	var s []v
	for _, p := range []string{"s0", "s1"}[:scalars] {
		s = append(s, g.broadcast(p))
	}
	g.loop(n, unroll, func(i reg.GPVirtual, disp int, mask m) {
		var x []v
		for _, p := range from {
			x = append(x, g.in(p, i, disp, mask))
		}
		g.out(body(x, s), d, i, disp, mask)
	})
}

const (
	signMask = 1 << 31
	restMask = 1<<31 - 1
)

func (g *vec) elementwiseOps() {
	relu := func(x v) v { return g.max(g.zero(), x) }

	g.elementwise("add", 2, 0, 4, func(x, s []v) v { return g.add(x[0], x[1]) })
	g.elementwise("sub", 2, 0, 4, func(x, s []v) v { return g.sub(x[0], x[1]) })
	g.elementwise("mul", 2, 0, 4, func(x, s []v) v { return g.mul(x[0], x[1]) })
	g.elementwise("div", 2, 0, 4, func(x, s []v) v { return g.div(x[0], x[1]) })
	g.elementwise("max", 2, 0, 4, func(x, s []v) v { return g.larger(x[0], x[1]) })
	g.elementwise("min", 2, 0, 4, func(x, s []v) v { return g.smaller(x[0], x[1]) })

	g.elementwise("fma", 3, 0, 4, func(x, s []v) v { return g.fma(x[0], x[1], x[2]) })
	g.elementwise("axpy", 2, 1, 4, func(x, s []v) v { return g.fma(s[0], x[0], x[1]) })
	g.elementwise("axpby", 2, 2, 4, func(x, s []v) v { return g.fma(s[0], x[0], g.mul(s[1], x[1])) })
	g.elementwise("affine", 1, 2, 4, func(x, s []v) v { return g.fma(s[0], x[0], s[1]) })

	g.elementwise("addS", 1, 1, 4, func(x, s []v) v { return g.add(x[0], s[0]) })
	g.elementwise("mulS", 1, 1, 4, func(x, s []v) v { return g.mul(x[0], s[0]) })
	g.elementwise("rSubS", 1, 1, 4, func(x, s []v) v { return g.sub(s[0], x[0]) })
	g.elementwise("rDivS", 1, 1, 4, func(x, s []v) v { return g.div(s[0], x[0]) })
	g.elementwise("clampS", 1, 2, 4, func(x, s []v) v { return g.min(s[1], g.max(s[0], x[0])) })
	g.elementwise("maxS", 1, 1, 4, func(x, s []v) v { return g.larger(s[0], x[0]) })
	g.elementwise("minS", 1, 1, 4, func(x, s []v) v { return g.smaller(s[0], x[0]) })

	g.elementwise("neg", 1, 0, 4, func(x, s []v) v { return g.xor(x[0], g.bits(signMask)) })
	g.elementwise("abs", 1, 0, 4, func(x, s []v) v { return g.and(x[0], g.bits(restMask)) })
	g.elementwise("sign", 1, 0, 4, func(x, s []v) v {
		one := g.or(g.and(x[0], g.bits(signMask)), g.num(1))
		return g.keep(g.cmp(orderedNe, x[0], g.zero()), one)
	})
	g.elementwise("sqrt", 1, 0, 4, func(x, s []v) v { return g.sqrt(x[0]) })
	g.elementwise("rsqrt", 1, 0, 4, func(x, s []v) v { return g.div(g.load(g.num(1)), g.sqrt(x[0])) })
	g.elementwise("recip", 1, 0, 4, func(x, s []v) v { return g.div(g.load(g.num(1)), x[0]) })
	g.elementwise("square", 1, 0, 4, func(x, s []v) v { return g.mul(x[0], x[0]) })

	g.elementwise("exp", 1, 0, 2, func(x, s []v) v { return g.exp(x[0]) })
	g.elementwise("exp2", 1, 0, 2, func(x, s []v) v { return g.exp2(x[0]) })
	g.elementwise("expm1", 1, 0, 1, func(x, s []v) v { return g.expm1(x[0]) })
	g.elementwise("log", 1, 0, 1, func(x, s []v) v { return g.log(x[0]) })
	g.elementwise("log2", 1, 0, 1, func(x, s []v) v { return g.log2(x[0]) })
	g.elementwise("log10", 1, 0, 1, func(x, s []v) v { return g.log10(x[0]) })
	g.elementwise("log1p", 1, 0, 1, func(x, s []v) v { return g.log1p(x[0]) })
	g.elementwise("tanh", 1, 0, 1, func(x, s []v) v { return g.tanh(x[0]) })
	g.elementwise("sigmoid", 1, 0, 2, func(x, s []v) v { return g.sigmoid(x[0]) })
	g.elementwise("erf", 1, 0, 1, func(x, s []v) v { return g.erf(x[0]) })
	g.elementwise("sinSmall", 1, 0, 1, func(x, s []v) v { return g.sin(x[0], 0) })
	g.elementwise("cosSmall", 1, 0, 1, func(x, s []v) v { return g.sin(x[0], 1) })

	g.elementwise("floor", 1, 0, 4, func(x, s []v) v { return g.round(down, x[0]) })
	g.elementwise("ceil", 1, 0, 4, func(x, s []v) v { return g.round(up, x[0]) })
	g.elementwise("round", 1, 0, 4, func(x, s []v) v { return g.round(nearest, x[0]) })
	g.elementwise("trunc", 1, 0, 4, func(x, s []v) v { return g.round(towardsZero, x[0]) })
	g.elementwise("copy", 1, 0, 4, func(x, s []v) v { return x[0] })
	g.elementwise("fill", 0, 1, 4, func(x, s []v) v { return s[0] })
	g.elementwise("relu", 1, 0, 4, func(x, s []v) v { return relu(x[0]) })
	g.elementwise("reluGrad", 2, 0, 4, func(x, s []v) v { return g.keep(g.cmp(notLessEq, x[1], g.zero()), x[0]) })
	g.elementwise("clampGrad", 2, 2, 4, func(x, s []v) v {
		return g.keep(g.andMask(g.cmp(notLessEq, x[1], s[0]), g.cmp(notGreatEq, x[1], s[1])), x[0])
	})

	for _, c := range []struct {
		name      string
		predicate uint64
	}{{"eq", equal}, {"ne", notEqual}, {"lt", less}, {"le", lessEq}, {"gt", greater}, {"ge", greatEq}} {
		g.elementwise(c.name, 2, 0, 4, func(x, s []v) v { return g.keep(g.cmp(c.predicate, x[0], x[1]), g.num(1)) })
		g.elementwise(c.name+"S", 1, 1, 4, func(x, s []v) v { return g.keep(g.cmp(c.predicate, x[0], s[0]), g.num(1)) })
	}
	truth := func(x v) m { return g.cmp(notEqual, x, g.zero()) }
	g.elementwise("select", 3, 0, 4, func(x, s []v) v { return g.blend(truth(x[0]), x[1], x[2]) })
	g.elementwise("and", 2, 0, 4, func(x, s []v) v { return g.keep(g.andMask(truth(x[0]), truth(x[1])), g.num(1)) })
	g.elementwise("or", 2, 0, 4, func(x, s []v) v { return g.keep(g.orMask(truth(x[0]), truth(x[1])), g.num(1)) })
	g.elementwise("not", 1, 0, 4, func(x, s []v) v { return g.keep(g.cmp(equal, x[0], g.zero()), g.num(1)) })

	g.elementwise("expSub", 1, 2, 2, func(x, s []v) v { return g.mul(g.exp(g.sub(x[0], s[0])), s[1]) })
	g.elementwise("expAxpy", 2, 1, 1, func(x, s []v) v { return g.fma(s[0], g.exp(x[0]), x[1]) })
	g.elementwise("normS", 1, 2, 4, func(x, s []v) v { return g.mul(g.sub(x[0], s[0]), s[1]) })
	g.elementwise("normMul", 2, 2, 4, func(x, s []v) v { return g.mul(g.mul(g.sub(x[0], s[0]), s[1]), x[1]) })
	g.elementwise("normFma", 3, 2, 4, func(x, s []v) v { return g.fma(g.mul(g.sub(x[0], s[0]), s[1]), x[1], x[2]) })
	g.elementwise("addRelu", 2, 0, 4, func(x, s []v) v { return relu(g.add(x[0], x[1])) })
	g.elementwise("addReluGrad", 3, 0, 4, func(x, s []v) v { return g.keep(g.cmp(notLessEq, x[2], g.zero()), g.add(x[0], x[1])) })
	g.elementwise("add3", 3, 0, 4, func(x, s []v) v { return g.add(g.add(x[0], x[1]), x[2]) })
	g.curves()
}
