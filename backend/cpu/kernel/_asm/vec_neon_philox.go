package main

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

func (g *vecNEON) philox() {
	g.philoxFill("philox", "*uint32", func(x vn) vn { return x })
	g.philoxFill("philoxUniform", "*float32", func(x vn) vn {
		return g.mul(g.toFloat(g.right(x, 8)), g.num(0x1p-24))
	})
}

// philoxFill writes the words of four blocks a turn: x[i] holds word i of each.
func (g *vecNEON) philoxFill(name, pointer string, finish func(vn) vn) {
	g.function(name, "func(blocks4 int, dst "+pointer+", key uint64, counter, hi uint64)",
		"writes 16*blocks4 words of consecutive blocks; see the portable version.")
	n, dst, key, counter, hi := g.Param("blocks4"), g.Param("dst"), g.Param("key"), g.Param("counter"), g.Param("hi")
	lanesOf := func(r neon.R) (low, high vn) {
		low, high = g.V(), g.V()
		g.DupGeneral(true, low, r)
		g.Three(neon.TRN2, high, low, low)
		g.Three(neon.TRN1, low, low, low)
		return low, high
	}
	k0, k1 := lanesOf(key)
	h0, h1 := lanesOf(hi)
	// Counters of blocks 0 and 1, 2 and 3, of 64 bits each.
	c01, c23 := g.V(), g.V()
	g.DupGeneral(true, c01, counter)
	g.Three(neon.ADD2, c23, c01, g.Data([4]uint32{2, 0, 3, 0}))
	g.Three(neon.ADD2, c01, c01, g.Data([4]uint32{0, 0, 1, 0}))
	m0, m1 := g.bits(philoxM0), g.bits(philoxM1)
	w0, w1 := g.bits(philoxW0), g.bits(philoxW1)
	four := g.Data([4]uint32{4, 0, 4, 0})
	// product returns the high and low halves of x*m.
	product := func(x, m vn) (high, low vn) {
		a, b := g.V(), g.V()
		g.Umull(false, a, x, m)
		g.Umull(true, b, x, m)
		return g.three(neon.UZP2, a, b), g.three(neon.UZP1, a, b)
	}
	g.Label("turn")
	x := [4]vn{g.three(neon.UZP1, c01, c23), g.three(neon.UZP2, c01, c23), h0, h1}
	g.Three(neon.ADD2, c01, c01, four)
	g.Three(neon.ADD2, c23, c23, four)
	a, b := k0, k1
	for round := range 10 {
		if round > 0 {
			a, b = g.addInt(a, w0), g.addInt(b, w1)
		}
		high0, low0 := product(x[0], m0)
		high1, low1 := product(x[2], m1)
		x = [4]vn{g.xor(g.xor(high1, x[1]), a), low1, g.xor(g.xor(high0, x[3]), b), low0}
	}
	for i, block := range transpose4(g.Func, x) {
		g.Store4(finish(block), dst, 16*i)
	}
	g.Add(dst, dst, 64)
	g.Sub(n, n, 1)
	g.BranchZero("CBNZ", n, "turn")
	g.Return()
}
