package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

// A vecNEON writes vector kernels for arm64, in vectors of four floats. The
// formulas are those of type vec, operation for operation, so that the bits
// are the same.
type vecNEON struct {
	*neon.Func
	file *neon.File
}

const widthNEON = 4

func vectorsNEON(f *neon.File) {
	g := &vecNEON{file: f}
	g.elementwiseOps()
	g.reductions()
	g.fusedKernels()
	g.columnKernels()
	g.pooling()
	g.depthwiseKernels()
	g.philox()
}

// vn is a vector register. Masks are vectors of ones and zeros.
type vn = neon.V

// function starts a function of that name.
func (g *vecNEON) function(name, signature, doc string) {
	name = "vec" + strings.ToUpper(name[:1]) + name[1:] + "NEON"
	g.Func = g.file.Func(name, signature, name+" "+doc)
}

// bits and num are constants in every lane. They are loaded before the loop,
// and must not be changed.
func (g *vecNEON) bits(u uint32) vn   { return g.Bits(u) }
func (g *vecNEON) num(x float64) vn   { return g.bits(math.Float32bits(float32(x))) }
func (g *vecNEON) fresh(x float64) vn { return g.Fresh(math.Float32bits(float32(x))) }

// The operations below return a new register.

func (g *vecNEON) three(op neon.Three, a, b vn) vn { r := g.V(); g.Three(op, r, a, b); return r }
func (g *vecNEON) two(op neon.Two, a vn) vn        { r := g.V(); g.Two(op, r, a); return r }
func (g *vecNEON) copy(a vn) vn                    { r := g.V(); g.Copy(r, a); return r }
func (g *vecNEON) zero() vn                        { r := g.V(); g.Zero(r); return r }

func (g *vecNEON) add(a, b vn) vn { return g.three(neon.FADD, a, b) }
func (g *vecNEON) sub(a, b vn) vn { return g.three(neon.FSUB, a, b) }
func (g *vecNEON) mul(a, b vn) vn { return g.three(neon.FMUL, a, b) }
func (g *vecNEON) div(a, b vn) vn { return g.three(neon.FDIV, a, b) }
func (g *vecNEON) sqrt(a vn) vn   { return g.two(neon.FSQRT, a) }

// fma returns a*b + c, rounded once, fnma c - a*b.
func (g *vecNEON) fma(a, b, c vn) vn  { r := g.copy(c); g.Three(neon.FMLA, r, a, b); return r }
func (g *vecNEON) fnma(a, b, c vn) vn { r := g.copy(c); g.Three(neon.FMLS, r, a, b); return r }

func (g *vecNEON) and(a, b vn) vn { return g.three(neon.AND, a, b) }
func (g *vecNEON) or(a, b vn) vn  { return g.three(neon.ORR, a, b) }
func (g *vecNEON) xor(a, b vn) vn { return g.three(neon.EOR, a, b) }

func (g *vecNEON) addInt(a, b vn) vn     { return g.three(neon.ADD, a, b) }
func (g *vecNEON) subInt(a, b vn) vn     { return g.three(neon.SUB, a, b) }
func (g *vecNEON) toInt(a vn) vn         { return g.two(neon.FCVTNS, a) }
func (g *vecNEON) toFloat(a vn) vn       { return g.two(neon.SCVTF, a) }
func (g *vecNEON) left(a vn, n int) vn   { r := g.V(); g.Shl(r, a, n); return r }
func (g *vecNEON) right(a vn, n int) vn  { r := g.V(); g.Ushr(r, a, n); return r }
func (g *vecNEON) rightS(a vn, n int) vn { r := g.V(); g.Sshr(r, a, n); return r }
func (g *vecNEON) equal(a, b vn) vn      { return g.three(neon.FCMEQ, a, b) }
func (g *vecNEON) greater(a, b vn) vn    { return g.three(neon.FCMGT, a, b) }
func (g *vecNEON) greatEq(a, b vn) vn    { return g.three(neon.FCMGE, a, b) }
func (g *vecNEON) equalInt(a, b vn) vn   { return g.three(neon.CMEQ, a, b) }
func (g *vecNEON) keep(mask, a vn) vn    { return g.and(a, mask) }
func (g *vecNEON) drop(mask, a vn) vn    { return g.three(neon.BIC, a, mask) }
func (g *vecNEON) isZero(a vn) vn        { return g.two(neon.FCMEQ0, a) }
func (g *vecNEON) isNegative(a vn) vn    { return g.two(neon.FCMLT0, a) }
func (g *vecNEON) isPositive(a vn) vn    { return g.two(neon.FCMGT0, a) }
func (g *vecNEON) abs(a vn) vn           { return g.two(neon.FABS, a) }
func (g *vecNEON) signOf(a vn) vn        { return g.and(a, g.bits(signMask)) }

// blend returns yes where the mask is set, else no.
func (g *vecNEON) blend(mask, yes, no vn) vn {
	r := g.copy(mask)
	g.Three(neon.BSL, r, yes, no)
	return r
}

// larger returns the larger of both, b if they are equal, NaN if one is.
func (g *vecNEON) larger(a, b vn) vn { return g.blend(g.orNaN(g.greater(a, b), a), a, b) }

// smaller returns the smaller of both, b if they are equal, NaN if one is.
func (g *vecNEON) smaller(a, b vn) vn { return g.blend(g.orNaN(g.greater(b, a), a), a, b) }

// orNaN adds to a mask the lanes where a is NaN.
func (g *vecNEON) orNaN(mask, a vn) vn { return g.three(neon.ORN, mask, g.equal(a, a)) }

// above returns x, but at least low, which is not zero. NaN stays.
func (g *vecNEON) above(low float64, x vn) vn { return g.three(neon.FMAX, x, g.num(low)) }

// below returns x, but at most high, which is not zero. NaN stays.
func (g *vecNEON) below(high float64, x vn) vn { return g.three(neon.FMIN, x, g.num(high)) }

// A place is where a vector, or a single element, is loaded and stored: the
// single ones fill the lowest lane, the others are zero.
type place struct {
	offset int
	single bool
}

func (g *vecNEON) in(p neon.R, at place) vn {
	v := g.V()
	if at.single {
		g.Load1(v, p, at.offset)
	} else {
		g.Load4(v, p, at.offset)
	}
	return v
}

func (g *vecNEON) out(v vn, p neon.R, at place) {
	if at.single {
		g.Store1(v, p, at.offset)
	} else {
		g.Store4(v, p, at.offset)
	}
}

// loop writes body for all of n elements, n > 0, and the return: unroll vectors
// at a time, then one, then single elements. The pointers move along.
func (g *vecNEON) loop(n neon.R, pointers []neon.R, unroll int, body func(at place)) {
	turn := func(label string, bodies, elements int, single bool) {
		g.Label(label)
		for u := range bodies {
			body(place{16 * u, single})
		}
		for _, p := range pointers {
			g.Add(p, p, 4*elements)
		}
	}
	if unroll > 1 {
		g.SubFlags(n, n, unroll*widthNEON)
		g.Branch("BLT", "few")
		turn("many", unroll, unroll*widthNEON, false)
		g.SubFlags(n, n, unroll*widthNEON)
		g.Branch("BGE", "many")
		g.Label("few")
		g.Add(n, n, unroll*widthNEON)
	}
	g.SubFlags(n, n, widthNEON)
	g.Branch("BLT", "rest")
	turn("one", 1, widthNEON, false)
	g.SubFlags(n, n, widthNEON)
	g.Branch("BGE", "one")
	g.Label("rest")
	g.Add(n, n, widthNEON)
	g.BranchZero("CBZ", n, "done")
	turn("single", 1, 1, true)
	g.Sub(n, n, 1)
	g.BranchZero("CBNZ", n, "single")
	g.Label("done")
	g.Return()
}

// elementwise writes d[i] = body(a[i], b[i], c[i]) with that many vector
// operands and scalars. d may be any of the operands.
func (g *vecNEON) elementwise(name string, operands, scalars, unroll int, body func(x, s []vn) vn) {
	g.function(name, "func(n int, d, a, b, c *float32, s0, s1 float32)",
		"sets the first n elements of d; see the VecOp of the name.")
	n, d := g.Param("n"), g.Param("d")
	var from []neon.R
	for _, p := range []string{"a", "b", "c"}[:operands] {
		from = append(from, g.Param(p))
	}
	var s []vn
	for k := range scalars {
		s = append(s, g.Broadcast(fmt.Sprintf("s%d", k)))
	}
	g.loop(n, append(from[:operands:operands], d), unroll, func(at place) {
		var x []vn
		for _, p := range from {
			x = append(x, g.in(p, at))
		}
		g.out(body(x, s), d, at)
	})
}

// withSlope writes d[i] = value of a[i], b[i] = slope at a[i].
func (g *vecNEON) withSlope(name string, parts func(x vn) (value, slope func() vn)) {
	g.function(name+"WithSlope", "func(n int, d, a, b, c *float32, s0, s1 float32)",
		"sets the first n elements of d and b; see Vec.WithSlope.")
	n, d, a, b := g.Param("n"), g.Param("d"), g.Param("a"), g.Param("b")
	g.loop(n, []neon.R{d, a, b}, 1, func(at place) {
		value, slope := parts(g.in(a, at))
		g.out(value(), d, at)
		g.out(slope(), b, at)
	})
}

// truth returns 1 where the mask is set, else 0, and untruth the opposite.
func (g *vecNEON) truth(mask vn) vn   { return g.keep(mask, g.num(1)) }
func (g *vecNEON) untruth(mask vn) vn { return g.drop(mask, g.num(1)) }

func (g *vecNEON) elementwiseOps() {
	relu := func(x vn) vn { return g.drop(g.isNegative(x), x) }

	g.elementwise("add", 2, 0, 4, func(x, s []vn) vn { return g.add(x[0], x[1]) })
	g.elementwise("sub", 2, 0, 4, func(x, s []vn) vn { return g.sub(x[0], x[1]) })
	g.elementwise("mul", 2, 0, 4, func(x, s []vn) vn { return g.mul(x[0], x[1]) })
	g.elementwise("div", 2, 0, 4, func(x, s []vn) vn { return g.div(x[0], x[1]) })
	g.elementwise("max", 2, 0, 4, func(x, s []vn) vn { return g.larger(x[0], x[1]) })
	g.elementwise("min", 2, 0, 4, func(x, s []vn) vn { return g.smaller(x[0], x[1]) })

	g.elementwise("fma", 3, 0, 4, func(x, s []vn) vn { return g.fma(x[0], x[1], x[2]) })
	g.elementwise("axpy", 2, 1, 4, func(x, s []vn) vn { return g.fma(s[0], x[0], x[1]) })
	g.elementwise("axpby", 2, 2, 4, func(x, s []vn) vn { return g.fma(s[0], x[0], g.mul(s[1], x[1])) })
	g.elementwise("affine", 1, 2, 4, func(x, s []vn) vn { return g.fma(s[0], x[0], s[1]) })

	g.elementwise("addS", 1, 1, 4, func(x, s []vn) vn { return g.add(x[0], s[0]) })
	g.elementwise("mulS", 1, 1, 4, func(x, s []vn) vn { return g.mul(x[0], s[0]) })
	g.elementwise("rSubS", 1, 1, 4, func(x, s []vn) vn { return g.sub(s[0], x[0]) })
	g.elementwise("rDivS", 1, 1, 4, func(x, s []vn) vn { return g.div(s[0], x[0]) })
	g.elementwise("clampS", 1, 2, 4, func(x, s []vn) vn {
		r := g.blend(g.greater(s[0], x[0]), s[0], x[0])
		return g.blend(g.greater(r, s[1]), s[1], r)
	})
	g.elementwise("maxS", 1, 1, 4, func(x, s []vn) vn { return g.larger(s[0], x[0]) })
	g.elementwise("minS", 1, 1, 4, func(x, s []vn) vn { return g.smaller(s[0], x[0]) })

	g.elementwise("neg", 1, 0, 4, func(x, s []vn) vn { return g.two(neon.FNEG, x[0]) })
	g.elementwise("abs", 1, 0, 4, func(x, s []vn) vn { return g.abs(x[0]) })
	g.elementwise("sign", 1, 0, 4, func(x, s []vn) vn {
		return g.keep(g.isPositive(g.abs(x[0])), g.or(g.signOf(x[0]), g.num(1)))
	})
	g.elementwise("sqrt", 1, 0, 4, func(x, s []vn) vn { return g.sqrt(x[0]) })
	g.elementwise("rsqrt", 1, 0, 4, func(x, s []vn) vn { return g.div(g.num(1), g.sqrt(x[0])) })
	g.elementwise("recip", 1, 0, 4, func(x, s []vn) vn { return g.div(g.num(1), x[0]) })
	g.elementwise("square", 1, 0, 4, func(x, s []vn) vn { return g.mul(x[0], x[0]) })

	g.elementwise("exp", 1, 0, 2, func(x, s []vn) vn { return g.exp(x[0]) })
	g.elementwise("exp2", 1, 0, 2, func(x, s []vn) vn { return g.exp2(x[0]) })
	g.elementwise("expm1", 1, 0, 1, func(x, s []vn) vn { return g.expm1(x[0]) })
	g.elementwise("log", 1, 0, 1, func(x, s []vn) vn { return g.log(x[0]) })
	g.elementwise("log2", 1, 0, 1, func(x, s []vn) vn { return g.log2(x[0]) })
	g.elementwise("log10", 1, 0, 1, func(x, s []vn) vn { return g.log10(x[0]) })
	g.elementwise("log1p", 1, 0, 1, func(x, s []vn) vn { return g.log1p(x[0]) })
	g.elementwise("tanh", 1, 0, 1, func(x, s []vn) vn { return g.tanh(x[0]) })
	g.elementwise("sigmoid", 1, 0, 2, func(x, s []vn) vn { return g.sigmoid(x[0]) })
	g.elementwise("erf", 1, 0, 1, func(x, s []vn) vn { return g.erf(x[0]) })
	g.elementwise("sinSmall", 1, 0, 1, func(x, s []vn) vn { return g.sin(x[0], 0) })
	g.elementwise("cosSmall", 1, 0, 1, func(x, s []vn) vn { return g.sin(x[0], 1) })

	g.elementwise("floor", 1, 0, 4, func(x, s []vn) vn { return g.two(neon.FRINTM, x[0]) })
	g.elementwise("ceil", 1, 0, 4, func(x, s []vn) vn { return g.two(neon.FRINTP, x[0]) })
	g.elementwise("round", 1, 0, 4, func(x, s []vn) vn { return g.two(neon.FRINTN, x[0]) })
	g.elementwise("trunc", 1, 0, 4, func(x, s []vn) vn { return g.two(neon.FRINTZ, x[0]) })
	g.elementwise("copy", 1, 0, 4, func(x, s []vn) vn { return x[0] })
	g.elementwise("fill", 0, 1, 4, func(x, s []vn) vn { return s[0] })
	g.elementwise("relu", 1, 0, 4, func(x, s []vn) vn { return relu(x[0]) })
	g.elementwise("reluGrad", 2, 0, 4, func(x, s []vn) vn { return g.drop(g.two(neon.FCMLE0, x[1]), x[0]) })
	g.elementwise("clampGrad", 2, 2, 4, func(x, s []vn) vn {
		return g.drop(g.or(g.greatEq(s[0], x[1]), g.greatEq(x[1], s[1])), x[0])
	})

	for _, c := range []struct {
		name    string
		compare func(a, b vn) vn
	}{
		{"eq", func(a, b vn) vn { return g.truth(g.equal(a, b)) }},
		{"ne", func(a, b vn) vn { return g.untruth(g.equal(a, b)) }},
		{"lt", func(a, b vn) vn { return g.truth(g.greater(b, a)) }},
		{"le", func(a, b vn) vn { return g.truth(g.greatEq(b, a)) }},
		{"gt", func(a, b vn) vn { return g.truth(g.greater(a, b)) }},
		{"ge", func(a, b vn) vn { return g.truth(g.greatEq(a, b)) }},
	} {
		g.elementwise(c.name, 2, 0, 4, func(x, s []vn) vn { return c.compare(x[0], x[1]) })
		g.elementwise(c.name+"S", 1, 1, 4, func(x, s []vn) vn { return c.compare(x[0], s[0]) })
	}
	g.elementwise("select", 3, 0, 4, func(x, s []vn) vn { return g.blend(g.isZero(x[0]), x[2], x[1]) })
	g.elementwise("and", 2, 0, 4, func(x, s []vn) vn { return g.untruth(g.or(g.isZero(x[0]), g.isZero(x[1]))) })
	g.elementwise("or", 2, 0, 4, func(x, s []vn) vn { return g.untruth(g.and(g.isZero(x[0]), g.isZero(x[1]))) })
	g.elementwise("not", 1, 0, 4, func(x, s []vn) vn { return g.truth(g.isZero(x[0])) })

	g.elementwise("expSub", 1, 2, 2, func(x, s []vn) vn { return g.mul(g.exp(g.sub(x[0], s[0])), s[1]) })
	g.elementwise("expAxpy", 2, 1, 1, func(x, s []vn) vn { return g.fma(s[0], g.exp(x[0]), x[1]) })
	g.elementwise("normS", 1, 2, 4, func(x, s []vn) vn { return g.mul(g.sub(x[0], s[0]), s[1]) })
	g.elementwise("normMul", 2, 2, 4, func(x, s []vn) vn { return g.mul(g.mul(g.sub(x[0], s[0]), s[1]), x[1]) })
	g.elementwise("normFma", 3, 2, 4, func(x, s []vn) vn { return g.fma(g.mul(g.sub(x[0], s[0]), s[1]), x[1], x[2]) })
	g.elementwise("addRelu", 2, 0, 4, func(x, s []vn) vn { return relu(g.add(x[0], x[1])) })
	g.elementwise("addReluGrad", 3, 0, 4, func(x, s []vn) vn { return g.drop(g.two(neon.FCMLE0, x[2]), g.add(x[0], x[1])) })
	g.elementwise("add3", 3, 0, 4, func(x, s []vn) vn { return g.add(g.add(x[0], x[1]), x[2]) })
	g.curves()
}
