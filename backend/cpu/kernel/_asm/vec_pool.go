package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (g *vec) pooling() {
	g.maxPool()
	g.maxPoolGrad()
}

// channels writes body for all of n channels: whole vectors, then the rest
// under a mask. off counts bytes.
func (g *vec) channels(n, off reg.GPVirtual, body func(mask m)) {
	left := g.GP64()
	rest, done, one := g.label("rest"), g.label("done"), g.label("vector")
	g.XORQ(off, off)
	g.MOVQ(n, left)
	g.SUBQ(Imm(uint64(g.width)), left)
	g.JL(LabelRef(rest))
	g.Label(one)
	body(nil)
	g.ADDQ(Imm(uint64(4*g.width)), off)
	g.SUBQ(Imm(uint64(g.width)), left)
	g.JGE(LabelRef(one))
	g.Label(rest)
	g.ADDQ(Imm(uint64(g.width)), left)
	g.JZ(LabelRef(done))
	body(g.tailMask(left))
	g.Label(done)
}

// broadcastInt returns an integer in memory in every lane.
func (g *vec) broadcastInt(from Mem) v {
	r := g.reg()
	g.VPBROADCASTD(from, r)
	return r
}

func (g *vec) maxPool() {
	g.function("maxPool", "func(channels, pixels, xStep, taps int, offsets *int, ids *int32, x, y *float32, index *int32)",
		"finds the maxima of a run of pixels; see the portable version.")
	n := g.Load(g.Param("channels"), g.GP64()).(reg.GPVirtual)
	pixels := g.Load(g.Param("pixels"), g.GP64())
	step := g.Load(g.Param("xStep"), g.GP64())
	taps := g.Load(g.Param("taps"), g.GP64())
	offsets := g.Load(g.Param("offsets"), g.GP64())
	ids := g.Load(g.Param("ids"), g.GP64())
	x := g.Load(g.Param("x"), g.GP64())
	y := g.Load(g.Param("y"), g.GP64())
	index := g.Load(g.Param("index"), g.GP64())
	off := g.GP64()
	pixel := g.label("pixel")
	g.Label(pixel)
	g.channels(n, off, func(mask m) {
		best, id := g.reg(), g.reg()
		g.VMOVUPS(g.bits(infinity|signMask), best)
		first := g.broadcastInt(Mem{Base: ids})
		g.VMOVUPS(first, id)
		t, p := g.GP64(), g.GP64()
		g.XORQ(t, t)
		tap := g.label("tap")
		g.Label(tap)
		g.MOVQ(Mem{Base: offsets, Index: t, Scale: 8}, p)
		g.LEAQ(Mem{Base: x, Index: p, Scale: 4}, p)
		from := Mem{Base: p, Index: off, Scale: 1}
		var e v
		if mask == nil {
			e = g.load(from)
		} else {
			e = g.loadTail(mask, from)
		}
		wins := g.orMask(g.cmp(greater, e, best), g.cmp(unordered, e, e))
		here := g.broadcastInt(Mem{Base: ids, Index: t, Scale: 4})
		g.VMOVUPS(g.blend(wins, e, best), best)
		g.VMOVUPS(g.blend(wins, here, id), id)
		g.INCQ(t)
		g.CMPQ(t, taps)
		g.JL(LabelRef(tap))
		skip := g.label("skip")
		put := func(r v, base reg.Register) {
			to := Mem{Base: base, Index: off, Scale: 1}
			if mask == nil {
				g.VMOVUPS(r, to)
			} else {
				g.storeTail(mask, r, to)
			}
		}
		put(best, y)
		g.TESTQ(index, index)
		g.JZ(LabelRef(skip))
		put(id, index)
		g.Label(skip)
	})
	g.LEAQ(Mem{Base: x, Index: step, Scale: 4}, x)
	g.LEAQ(Mem{Base: y, Index: n, Scale: 4}, y)
	last := g.label("noIndex")
	g.TESTQ(index, index)
	g.JZ(LabelRef(last))
	g.LEAQ(Mem{Base: index, Index: n, Scale: 4}, index)
	g.Label(last)
	g.DECQ(pixels)
	g.JNZ(LabelRef(pixel))
	g.VZEROUPPER()
	g.RET()
}

func (g *vec) maxPoolGrad() {
	g.function("maxPoolGrad", "func(channels, pixels, yStep, xStep, taps int, offsets *int, ids *int32, dy *float32, index *int32, dx *float32)",
		"sums what a run of pixels gets from its windows; see the portable version.")
	n := g.Load(g.Param("channels"), g.GP64()).(reg.GPVirtual)
	pixels := g.Load(g.Param("pixels"), g.GP64())
	taps := g.Load(g.Param("taps"), g.GP64())
	offsets := g.Load(g.Param("offsets"), g.GP64())
	ids := g.Load(g.Param("ids"), g.GP64())
	dy := g.Load(g.Param("dy"), g.GP64())
	index := g.Load(g.Param("index"), g.GP64())
	dx := g.Load(g.Param("dx"), g.GP64())
	off := g.GP64()
	pixel := g.label("pixel")
	g.Label(pixel)
	g.channels(n, off, func(mask m) {
		sum := g.reg()
		z := g.zero()
		g.VMOVUPS(z, sum)
		t, p := g.GP64(), g.GP64()
		g.XORQ(t, t)
		tap := g.label("tap")
		g.Label(tap)
		g.MOVQ(Mem{Base: offsets, Index: t, Scale: 8}, p)
		g.LEAQ(Mem{Base: off, Index: p, Scale: 4}, p)
		at := func(base reg.Register) v {
			from := Mem{Base: base, Index: p, Scale: 1}
			if mask == nil {
				return g.load(from)
			}
			return g.loadTail(mask, from)
		}
		here := g.equalInt(g.broadcastInt(Mem{Base: ids, Index: t, Scale: 4}), at(index))
		g.VADDPS(g.keep(here, at(dy)), sum, sum)
		g.INCQ(t)
		g.CMPQ(t, taps)
		g.JL(LabelRef(tap))
		to := Mem{Base: dx, Index: off, Scale: 1}
		if mask == nil {
			g.VMOVUPS(sum, to)
		} else {
			g.storeTail(mask, sum, to)
		}
	})
	step := g.Load(g.Param("yStep"), g.GP64())
	g.LEAQ(Mem{Base: dy, Index: step, Scale: 4}, dy)
	g.LEAQ(Mem{Base: index, Index: step, Scale: 4}, index)
	g.Load(g.Param("xStep"), step)
	g.LEAQ(Mem{Base: dx, Index: step, Scale: 4}, dx)
	g.DECQ(pixels)
	g.JNZ(LabelRef(pixel))
	g.VZEROUPPER()
	g.RET()
}
