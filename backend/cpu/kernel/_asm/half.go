package main

import (
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// half writes the conversions between float32 and floats of 16 bits.
func half(c *build.Context) {
	for _, g := range []*vec{
		{Context: c, width: 8, suffix: "AVX2", consts: map[string]Mem{}},
		{Context: c, width: 16, suffix: "AVX512", consts: map[string]Mem{}},
	} {
		g.widen("widenBF16", func(from Op, mask m) v {
			x := g.words(from, mask)
			g.VPSLLD(Imm(16), x, x)
			return x
		})
		g.widen("widenF16", func(from Op, mask m) v {
			r := g.reg()
			if mask != nil {
				g.VCVTPH2PS_Z(from, mask, r)
			} else {
				g.VCVTPH2PS(from, r)
			}
			return r
		})
		g.narrow("narrowBF16", g.storeBF16)
		g.narrow("narrowF16", func(x v, to Mem, mask m) {
			if mask != nil {
				g.VCVTPS2PH(Imm(0), x, mask, to)
			} else {
				g.VCVTPS2PH(Imm(0), x, to)
			}
		})
	}
}

// widen writes d[i] = body(s[i]). AVX2 has no masks for words: n is a multiple
// of the width there.
func (g *vec) widen(name string, body func(from Op, mask m) v) {
	g.function(name, "func(n int, d *float32, s *uint16)", "is a conversion of Set.Widen.")
	n, d, s := g.Load(g.Param("n"), g.GP64()), g.Load(g.Param("d"), g.GP64()), g.Load(g.Param("s"), g.GP64())
	g.vectors(n, func(i reg.GPVirtual, mask m) {
		g.out(body(Mem{Base: s, Index: i, Scale: 2}, mask), d, i, 0, mask)
	})
}

// narrow writes d[i] = s[i] by body, which stores; n as in widen.
func (g *vec) narrow(name string, body func(x v, to Mem, mask m)) {
	g.function(name, "func(n int, d *uint16, s *float32)", "is a conversion of Set.Narrow.")
	n, d, s := g.Load(g.Param("n"), g.GP64()), g.Load(g.Param("d"), g.GP64()), g.Load(g.Param("s"), g.GP64())
	g.vectors(n, func(i reg.GPVirtual, mask m) {
		body(g.in(s, i, 0, mask), Mem{Base: d, Index: i, Scale: 2}, mask)
	})
}

// vectors writes body for all of n elements, a vector at a time, and with
// AVX-512 what is left under a mask.
func (g *vec) vectors(n reg.Register, body func(i reg.GPVirtual, mask m)) {
	if g.wide() {
		g.loop(n, 1, func(i reg.GPVirtual, _ int, mask m) { body(i, mask) })
		return
	}
	i, one := g.GP64(), g.label("one")
	g.XORQ(i, i)
	g.Label(one)
	body(i, nil)
	g.ADDQ(Imm(uint64(g.width)), i)
	g.CMPQ(i, n)
	g.JL(LabelRef(one))
	g.VZEROUPPER()
	g.RET()
}

// words loads a word to each lane.
func (g *vec) words(from Op, mask m) v {
	r := g.reg()
	if mask != nil {
		g.VPMOVZXWD_Z(from, mask, r)
	} else {
		g.VPMOVZXWD(from, r)
	}
	return r
}

// storeBF16 rounds to nearest, halves to even, by adding what carries into the
// upper half; a NaN is cut instead, and made quiet.
func (g *vec) storeBF16(x v, to Mem, mask m) {
	upper := g.right(x, 16)
	r := g.right(g.addInt(g.addInt(x, g.bits(0x7fff)), g.and(upper, g.bits(1))), 16)
	r = g.blend(g.cmp(unordered, x, x), g.or(upper, g.bits(0x40)), r)
	switch {
	case mask != nil:
		g.VPMOVDW(r, mask, to)
	case g.wide():
		g.VPMOVDW(r, to)
	default:
		g.VPACKUSDW(r, r, r) // both quarters of four words, twice
		g.VPERMQ(Imm(0x08), r, r)
		g.VMOVDQU(r.(reg.VecVirtual).AsX(), to)
	}
}
