package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// 2^r on [0, 1), lowest power first: a minimax fit of the relative error,
// 2e-9, with the first coefficient held at 1.
var powerFit = []float64{1, 0.6931470632553101, 0.24022908508777618, 0.05548618361353874, 0.009673775173723698, 0.0012482289457693696, 0.000215659718378447}

// attention writes what attention does with its scores, for both widths.
func attention(c *build.Context) {
	for _, g := range []*vec{{Context: c, width: 8, suffix: "AVX2"}, {Context: c, width: 16, suffix: "AVX512"}} {
		g.consts = map[string]Mem{}
		g.softmax()
		g.weights()
		g.scaleRows()
	}
}

// power returns 2^x, rounded a little worse than once.
func (g *vec) power(x v) v {
	r := g.reg()
	if g.wide() {
		// The fraction above the whole number below; VSCALEF takes that number.
		g.VREDUCEPS(Imm(down), x, r)
		p := g.horner(powerFit, r)
		return g.scale(p, x)
	}
	x = g.above(-150, g.below(128, x))
	n := g.round(down, x)
	return g.scale(g.horner(powerFit, g.sub(x, n)), n)
}

// scoreColumns is how many vectors beside each other a pass over scores holds.
const scoreColumns = 2

// A scores is a function that goes down columns of scores, some vectors of them
// at a time.
type scores struct {
	*vec
	ld, a       reg.GPVirtual
	rows, plain Mem // parameters
	p           reg.GPVirtual
	left        reg.GPVirtual
	lane        []v // numbers of the columns
	bound       v   // the last hidden column where the rest begins
}

// scoreFunction writes a function that calls body for each group of columns.
// The pointers move on with the groups.
func (g *vec) scoreFunction(name, more, doc string, pointers []string, body func(s *scores, p map[string]reg.GPVirtual)) {
	g.name = "attention" + name + g.suffix
	g.labels = 0
	g.Function(g.name)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func(rows, plain, ld, cols int, bound float32, a, " + more + " *float32)")
	g.Doc(g.name + " " + doc)
	g.Pragma("noescape")
	s := &scores{vec: g, ld: g.bytes("ld"), rows: g.param("rows"), plain: g.param("plain")}
	p := map[string]reg.GPVirtual{}
	for _, name := range append([]string{"a"}, pointers...) {
		p[name] = g.Load(g.Param(name), g.GP64()).(reg.GPVirtual)
	}
	s.a = p["a"]
	cols := g.Load(g.Param("cols"), g.GP64())
	s.p, s.left = g.GP64(), g.GP64()
	s.bound = g.broadcast("bound")
	for k := range scoreColumns {
		s.lane = append(s.lane, g.load(g.data(fmt.Sprint("lane", k), func(i int) uint32 {
			return math.Float32bits(float32(k*g.width + i))
		})))
	}
	step := uint64(scoreColumns * g.width)
	group := g.label("group")
	g.Label(group)
	body(s, p)
	for _, name := range append([]string{"a"}, pointers...) {
		g.ADDQ(U32(uint32(4*step)), p[name])
	}
	for k := range s.lane {
		g.VADDPS(g.num(float64(step)), s.lane[k], s.lane[k])
	}
	g.SUBQ(Imm(step), cols)
	g.JG(LabelRef(group))
	g.VZEROUPPER()
	g.RET()
}

// column is where vector k of a row lies.
func (s *scores) column(base reg.Register, k int) Mem { return Mem{Base: base, Disp: 4 * s.width * k} }

// down writes a loop over rows, from the pointers that it gets down, unroll
// rows at a time as far as they go.
func (s *scores) down(count func(into reg.GPVirtual), pointers []reg.GPVirtual, unroll int, body func(u int)) {
	turn := func(rows int) {
		for u := range rows {
			body(u)
			for _, p := range pointers {
				s.ADDQ(s.ld, p)
			}
		}
	}
	few, many, one, done := s.label("few"), s.label("many"), s.label("one"), s.label("done")
	count(s.left)
	if unroll > 1 {
		s.SUBQ(Imm(uint64(unroll)), s.left)
		s.JL(LabelRef(few))
		s.Label(many)
		turn(unroll)
		s.SUBQ(Imm(uint64(unroll)), s.left)
		s.JGE(LabelRef(many))
		s.Label(few)
		s.ADDQ(Imm(uint64(unroll)), s.left)
	}
	s.TESTQ(s.left, s.left)
	s.JLE(LabelRef(done))
	s.Label(one)
	turn(1)
	s.DECQ(s.left)
	s.JNZ(LabelRef(one))
	s.Label(done)
}

// first counts the rows of which all is seen, rest those of which columns are
// hidden, and all both.
func (s *scores) first(into reg.GPVirtual) { s.MOVQ(s.plain, into) }
func (s *scores) all(into reg.GPVirtual)   { s.MOVQ(s.rows, into) }
func (s *scores) rest(into reg.GPVirtual) {
	s.MOVQ(s.rows, into)
	s.SUBQ(s.plain, into)
}

// edge is the last hidden column of a row, where the rest begins.
func (s *scores) edge() v { return s.load(s.bound) }

// seen is x, or -Inf in hidden columns.
func (s *scores) seen(x v, k int, edge v) v {
	return s.blend(s.cmp(greater, s.lane[k], edge), x, s.load(s.bits(infinity|signMask)))
}

func (g *vec) softmax() {
	g.scoreFunction("Softmax", "top, sum, less", "makes weights of scores, see attentionKernels.", []string{"top", "sum", "less"},
		func(s *scores, p map[string]reg.GPVirtual) {
			// Two largest for each column, so that one needn't wait for the other.
			m := make([]v, 2*scoreColumns)
			for k := range scoreColumns {
				m[k] = g.load(s.column(p["top"], k))
				m[scoreColumns+k] = g.load(g.bits(infinity | signMask))
			}
			largest := func(at int, x Op) { g.VMAXPS(m[at], g.load(x), m[at]) }
			g.MOVQ(s.a, s.p)
			s.down(s.first, []reg.GPVirtual{s.p}, 2, func(u int) {
				for k := range scoreColumns {
					largest(u*scoreColumns+k, s.column(s.p, k))
				}
			})
			edge := s.edge()
			s.down(s.rest, []reg.GPVirtual{s.p}, 1, func(int) {
				for k := range scoreColumns {
					x := s.seen(g.load(s.column(s.p, k)), k, edge)
					g.VMOVUPS(x, s.column(s.p, k))
					largest(k, x)
				}
				g.VADDPS(g.num(1), edge, edge)
			})
			shift, sum := make([]v, scoreColumns), make([]v, scoreColumns)
			for k := range scoreColumns {
				top := g.load(s.column(p["top"], k))
				g.VMAXPS(m[k], m[scoreColumns+k], m[k])
				g.VMOVUPS(m[k], s.column(p["top"], k))
				// Nothing but -Inf so far: they are to give 0.
				shift[k] = g.blend(g.cmp(notLessEq, m[k], g.bits(infinity|signMask)), m[k], g.zero())
				g.VMOVUPS(g.power(g.sub(top, shift[k])), s.column(p["less"], k))
				sum[k] = g.zero()
			}
			g.MOVQ(s.a, s.p)
			s.down(s.all, []reg.GPVirtual{s.p}, 1, func(int) {
				for k := range scoreColumns {
					e := g.power(g.sub(g.load(s.column(s.p, k)), shift[k]))
					g.VMOVUPS(e, s.column(s.p, k))
					g.VADDPS(e, sum[k], sum[k])
				}
			})
			for k := range scoreColumns {
				old := g.load(s.column(p["sum"], k))
				g.VFMADD231PS(s.column(p["less"], k), old, sum[k])
				g.VMOVUPS(sum[k], s.column(p["sum"], k))
			}
		})
}

func (g *vec) weights() {
	g.scoreFunction("Weights", "d, lse, delta", "makes weights and gradients of scores, see attentionKernels.", []string{"d", "lse", "delta"},
		func(s *scores, p map[string]reg.GPVirtual) {
			lse, delta := make([]v, scoreColumns), make([]v, scoreColumns)
			for k := range scoreColumns {
				lse[k], delta[k] = g.load(s.column(p["lse"], k)), g.load(s.column(p["delta"], k))
			}
			d := g.GP64()
			weigh := func(k int, x v) {
				e := g.power(g.sub(x, lse[k]))
				g.VMOVUPS(e, s.column(s.p, k))
				g.VMOVUPS(g.mul(g.sub(g.load(s.column(d, k)), delta[k]), e), s.column(d, k))
			}
			g.MOVQ(s.a, s.p)
			g.MOVQ(p["d"], d)
			both := []reg.GPVirtual{s.p, d}
			s.down(s.first, both, 1, func(int) {
				for k := range scoreColumns {
					weigh(k, g.load(s.column(s.p, k)))
				}
			})
			edge := s.edge()
			s.down(s.rest, both, 1, func(int) {
				for k := range scoreColumns {
					weigh(k, s.seen(g.load(s.column(s.p, k)), k, edge))
				}
				g.VADDPS(g.num(1), edge, edge)
			})
		})
}

// scaleRows multiplies each row by a factor of its own.
func (g *vec) scaleRows() {
	g.name = "attentionScale" + g.suffix
	g.labels = 0
	g.Function(g.name)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func(rows, cols, ld int, c, f *float32)")
	g.Doc(g.name + " multiplies rows by factors, see attentionKernels.")
	g.Pragma("noescape")
	ld := g.bytes("ld")
	rows, c, f := g.Load(g.Param("rows"), g.GP64()), g.Load(g.Param("c"), g.GP64()), g.Load(g.Param("f"), g.GP64())
	next, vector, tail, done := g.label("next"), g.label("vector"), g.label("tail"), g.label("done")
	factor, left, p := g.reg(), g.GP64(), g.GP64()
	g.Label(next)
	g.VBROADCASTSS(Mem{Base: f}, factor)
	g.MOVQ(g.param("cols"), left)
	g.MOVQ(c, p)
	g.SUBQ(Imm(uint64(g.width)), left)
	g.JL(LabelRef(tail))
	g.Label(vector)
	g.VMOVUPS(g.mul(factor, Mem{Base: p}), Mem{Base: p})
	g.ADDQ(Imm(uint64(4*g.width)), p)
	g.SUBQ(Imm(uint64(g.width)), left)
	g.JGE(LabelRef(vector))
	g.Label(tail)
	g.ADDQ(Imm(uint64(g.width)), left)
	g.JZ(LabelRef(done))
	mask := g.tailMask(left)
	g.storeTail(mask, g.mul(factor, g.loadTail(mask, Mem{Base: p})), Mem{Base: p})
	g.Label(done)
	g.ADDQ(ld, c)
	g.ADDQ(Imm(4), f)
	g.DECQ(rows)
	g.JNZ(LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}
