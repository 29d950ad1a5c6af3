package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A vec writes vector kernels for one width: every kernel has one source for
// AVX2 (8 floats) and AVX-512 (16 floats).
type vec struct {
	*build.Context
	width  int    // floats in a vector
	suffix string // of function names
	name   string // of the function being written
	labels int
	consts map[string]Mem
}

func vecAVX2(c *build.Context)   { writeVec(&vec{Context: c, width: 8, suffix: "AVX2"}) }
func vecAVX512(c *build.Context) { writeVec(&vec{Context: c, width: 16, suffix: "AVX512"}) }

func writeVec(g *vec) {
	g.consts = map[string]Mem{}
	g.elementwiseOps()
	g.reductions()
	g.fusedKernels()
	g.columnKernels()
	g.pooling()
	g.depthwiseKernels()
	g.philox()
}

// v is a register of the width; m what a comparison gives: a vector of ones
// and zeros, or a mask register.
type (
	v = reg.VecVirtual
	m = reg.Register
)

func (g *vec) wide() bool { return g.width == 16 }

func (g *vec) reg() v {
	if g.wide() {
		return g.ZMM()
	}
	return g.YMM()
}

// function starts a function of that name.
func (g *vec) function(name, signature string, doc ...string) {
	g.name = "vec" + strings.ToUpper(name[:1]) + name[1:] + g.suffix
	g.labels = 0
	g.Function(g.name)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr(signature)
	doc[0] = g.name + " " + doc[0]
	g.Doc(doc...)
	g.Pragma("noescape")
}

// label returns a new label of the function.
func (g *vec) label(what string) string {
	g.labels++
	return fmt.Sprintf("%s%d", what, g.labels)
}

// bits returns a constant in every lane.
func (g *vec) bits(u uint32) Mem {
	return g.data(fmt.Sprintf("c%08x", u), func(int) uint32 { return u })
}

// num returns a float constant in every lane.
func (g *vec) num(x float64) Mem { return g.bits(math.Float32bits(float32(x))) }

// data returns a vector of constants.
func (g *vec) data(name string, lane func(i int) uint32) Mem {
	if m, ok := g.consts[name]; ok {
		return m
	}
	m := g.StaticGlobal(name + g.suffix)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range g.width {
		g.AddDatum(4*i, U32(lane(i)))
	}
	g.consts[name] = m
	return m
}

// load returns a copy of a register or memory operand.
func (g *vec) load(from Op) v {
	r := g.reg()
	g.VMOVUPS(from, r)
	return r
}

// broadcast returns a float parameter in every lane.
func (g *vec) broadcast(param string) v {
	p, err := g.Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	r := g.reg()
	g.VBROADCASTSS(p.Addr, r)
	return r
}

// The operations below return a new register; operand a may be memory only in
// the last place.

func (g *vec) add(a v, b Op) v { r := g.reg(); g.VADDPS(b, a, r); return r }
func (g *vec) sub(a v, b Op) v { r := g.reg(); g.VSUBPS(b, a, r); return r }
func (g *vec) mul(a v, b Op) v { r := g.reg(); g.VMULPS(b, a, r); return r }
func (g *vec) div(a v, b Op) v { r := g.reg(); g.VDIVPS(b, a, r); return r }
func (g *vec) sqrt(a v) v      { r := g.reg(); g.VSQRTPS(a, r); return r }

// max returns a if a > b, else b.
func (g *vec) max(a v, b Op) v { r := g.reg(); g.VMAXPS(b, a, r); return r }

// min returns a if a < b, else b.
func (g *vec) min(a v, b Op) v { r := g.reg(); g.VMINPS(b, a, r); return r }

// larger returns the larger of both, b if they are equal, NaN if one is.
func (g *vec) larger(a, b v) v { return g.blend(g.cmp(unordered, a, a), a, g.max(a, b)) }

// smaller returns the smaller of both, b if they are equal, NaN if one is.
func (g *vec) smaller(a, b v) v { return g.blend(g.cmp(unordered, a, a), a, g.min(a, b)) }

// fma returns a*b + c, rounded once.
func (g *vec) fma(a v, b Op, c v) v { r := g.load(c); g.VFMADD231PS(b, a, r); return r }

// fnma returns c - a*b, rounded once.
func (g *vec) fnma(a v, b Op, c v) v { r := g.load(c); g.VFNMADD231PS(b, a, r); return r }

func (g *vec) and(a v, b Op) v {
	r := g.reg()
	if g.wide() {
		g.VPANDD(b, a, r)
	} else {
		g.VPAND(b, a, r)
	}
	return r
}

func (g *vec) or(a v, b Op) v {
	r := g.reg()
	if g.wide() {
		g.VPORD(b, a, r)
	} else {
		g.VPOR(b, a, r)
	}
	return r
}

func (g *vec) xor(a v, b Op) v {
	r := g.reg()
	if g.wide() {
		g.VPXORD(b, a, r)
	} else {
		g.VPXOR(b, a, r)
	}
	return r
}

func (g *vec) zero() v {
	r := g.reg()
	if g.wide() {
		g.VPXORD(r, r, r)
	} else {
		g.VPXOR(r, r, r)
	}
	return r
}

func (g *vec) addInt(a v, b Op) v     { r := g.reg(); g.VPADDD(b, a, r); return r }
func (g *vec) subInt(a v, b Op) v     { r := g.reg(); g.VPSUBD(b, a, r); return r }
func (g *vec) toInt(a v) v            { r := g.reg(); g.VCVTPS2DQ(a, r); return r }
func (g *vec) toFloat(a v) v          { r := g.reg(); g.VCVTDQ2PS(a, r); return r }
func (g *vec) left(a v, n uint64) v   { r := g.reg(); g.VPSLLD(Imm(n), a, r); return r }
func (g *vec) right(a v, n uint64) v  { r := g.reg(); g.VPSRLD(Imm(n), a, r); return r }
func (g *vec) rightS(a v, n uint64) v { r := g.reg(); g.VPSRAD(Imm(n), a, r); return r }

// Rounding modes, without the inexact exception.
const (
	nearest = 8
	down    = 9
	up      = 10

	towardsZero = 11
)

func (g *vec) round(mode uint64, a v) v {
	r := g.reg()
	if g.wide() {
		g.VRNDSCALEPS(Imm(mode), a, r)
	} else {
		g.VROUNDPS(Imm(mode), a, r)
	}
	return r
}

// Predicates of comparisons a ? b, none of which signals. Those that begin
// with not are true for a NaN.
const (
	equal      = 0x00
	unordered  = 0x03
	notEqual   = 0x04
	notGreatEq = 0x19
	notLessEq  = 0x16
	less       = 0x11
	lessEq     = 0x12
	orderedNe  = 0x0c
	greatEq    = 0x1d
	greater    = 0x1e
)

func (g *vec) cmp(predicate uint64, a v, b Op) m {
	if g.wide() {
		k := g.K()
		g.VCMPPS(Imm(predicate), b, a, k)
		return k
	}
	r := g.reg()
	g.VCMPPS(Imm(predicate), b, a, r)
	return r
}

// equalInt compares integers.
func (g *vec) equalInt(a v, b Op) m {
	if g.wide() {
		k := g.K()
		g.VPCMPEQD(b, a, k)
		return k
	}
	r := g.reg()
	g.VPCMPEQD(b, a, r)
	return r
}

func (g *vec) orMask(a, b m) m {
	if g.wide() {
		k := g.K()
		g.KORW(a, b, k)
		return k
	}
	return g.or(a.(v), b)
}

func (g *vec) andMask(a, b m) m {
	if g.wide() {
		k := g.K()
		g.KANDW(a, b, k)
		return k
	}
	return g.and(a.(v), b)
}

// blend returns yes where the mask is set, else no.
func (g *vec) blend(mask m, yes Op, no v) v {
	r := g.reg()
	if g.wide() {
		g.VBLENDMPS(yes, no, mask, r)
	} else {
		g.VBLENDVPS(mask, yes, no, r)
	}
	return r
}

// keep returns a where the mask is set, else 0.
func (g *vec) keep(mask m, a Op) v {
	r := g.reg()
	if g.wide() {
		g.VMOVUPS_Z(a, mask, r)
	} else {
		g.VANDPS(a, mask, r)
	}
	return r
}

// tailMask returns a mask of the first n lanes, 0 < n <= width. It overwrites n.
func (g *vec) tailMask(n reg.GPVirtual) m {
	if g.wide() {
		ones, k := g.GP32(), g.K()
		g.MOVL(I32(-1), ones)
		g.BZHIL(n.As32(), ones, ones)
		g.KMOVW(ones, k)
		return k
	}
	table := g.data("lanes", func(int) uint32 { return 1<<32 - 1 })
	if _, ok := g.consts["lanes+"]; !ok {
		for i := range 8 {
			g.AddDatum(32+4*i, U32(0))
		}
		g.consts["lanes+"] = table
	}
	p, r := g.GP64(), g.reg()
	g.NEGQ(n)
	g.LEAQ(table, p)
	g.VMOVUPS(Mem{Base: p, Index: n, Scale: 4, Disp: 32}, r)
	return r
}

// loadTail returns the lanes of the mask from memory, 0 in the others. Other
// lanes are not read.
func (g *vec) loadTail(mask m, from Mem) v {
	r := g.reg()
	if g.wide() {
		g.VMOVUPS_Z(from, mask, r)
	} else {
		g.VMASKMOVPS(from, mask, r)
	}
	return r
}

// storeTail writes the lanes of the mask.
func (g *vec) storeTail(mask m, x v, to Mem) {
	if g.wide() {
		g.VMOVUPS(x, mask, to)
	} else {
		g.VMASKMOVPS(x, mask, to)
	}
}

// loop writes body for all of n elements: unroll vectors at a time, then one,
// then what is left under a mask. The body gets the element's place as the
// index register and byte displacement, and the mask or nil.
func (g *vec) loop(n reg.Register, unroll int, body func(i reg.GPVirtual, disp int, mask m)) {
	i, end := g.GP64(), g.GP64()
	g.XORQ(i, i)
	many, single, rest, done := g.label("many"), g.label("single"), g.label("rest"), g.label("done")
	if unroll > 1 {
		g.MOVQ(n, end)
		g.SUBQ(Imm(uint64(unroll*g.width)), end)
		g.JL(LabelRef(single))
		g.Label(many)
		for u := range unroll {
			body(i, 4*g.width*u, nil)
		}
		g.ADDQ(Imm(uint64(unroll*g.width)), i)
		g.CMPQ(i, end)
		g.JLE(LabelRef(many))
	}
	g.Label(single)
	g.MOVQ(n, end)
	g.SUBQ(Imm(uint64(g.width)), end)
	one := g.label("one")
	g.Label(one)
	g.CMPQ(i, end)
	g.JG(LabelRef(rest))
	body(i, 0, nil)
	g.ADDQ(Imm(uint64(g.width)), i)
	g.JMP(LabelRef(one))
	g.Label(rest)
	g.MOVQ(n, end)
	g.SUBQ(i, end)
	g.JZ(LabelRef(done))
	body(i, 0, g.tailMask(end))
	g.Label(done)
	g.VZEROUPPER()
	g.RET()
}

// in loads from a vector within a loop.
func (g *vec) in(base reg.Register, i reg.GPVirtual, disp int, mask m) v {
	from := Mem{Base: base, Index: i, Scale: 4, Disp: disp}
	if mask == nil {
		return g.load(from)
	}
	return g.loadTail(mask, from)
}

// out stores to a vector within a loop.
func (g *vec) out(x v, base reg.Register, i reg.GPVirtual, disp int, mask m) {
	to := Mem{Base: base, Index: i, Scale: 4, Disp: disp}
	if mask == nil {
		g.VMOVUPS(x, to)
	} else {
		g.storeTail(mask, x, to)
	}
}
