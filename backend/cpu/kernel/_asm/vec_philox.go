package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants of Philox4x32 (Random123).
const (
	philoxM0 = 0xD2511F53
	philoxM1 = 0xCD9E8D57
	philoxW0 = 0x9E3779B9
	philoxW1 = 0xBB67AE85
)

func (g *vec) philox() {
	g.philoxFill("philox", "*uint32", func(x v) v { return x })
	g.philoxFill("philoxUniform", "*float32", func(x v) v {
		return g.mul(g.toFloat(g.right(x, 8)), g.num(0x1p-24))
	})
}

// philoxFill writes words. A block of four words stays in one quarter, x0 to
// x3, so that a 32-bit multiplication of even lanes gives both products of a
// round: p = (x0*M0, x2*M1), and the next block is
// (hi1^x1^k0, lo1, hi0^x3^k1, lo0).
func (g *vec) philoxFill(name, pointer string, finish func(v) v) {
	g.function(name, "func(n int, dst "+pointer+", key uint64, counter, hi uint64)",
		"writes n words of consecutive blocks; see the portable version.")
	n := g.Load(g.Param("n"), g.GP64())
	dst := g.Load(g.Param("dst"), g.GP64())
	// evens spreads two words: (k0, 0, k1, 0) in every quarter.
	evens := func(name string, a, b uint32) Mem {
		return g.data(name, func(i int) uint32 { return [4]uint32{a, 0, b, 0}[i%4] })
	}
	key, ctr := g.reg(), g.reg()
	lo, up := g.XMM(), g.XMM()
	k := g.Load(g.Param("key"), g.GP64())
	g.VMOVQ(k, lo)
	g.VPMOVZXDQ(lo, lo) // (k0, 0, k1, 0)
	counter := g.Load(g.Param("counter"), g.GP64())
	hi := g.Load(g.Param("hi"), g.GP64())
	g.VMOVQ(counter, up)
	g.VPINSRQ(Imm(1), hi, up, up)
	if g.wide() {
		g.VBROADCASTI32X4(g.spill(lo), key)
		g.VBROADCASTI32X4(g.spill(up), ctr)
	} else {
		g.VINSERTI128(Imm(1), lo, lo.AsY(), key)
		g.VINSERTI128(Imm(1), up, up.AsY(), ctr)
	}
	// Quarter q holds block q of a vector.
	g.VPADDQ(g.data("blocks", func(i int) uint32 { return [4]uint32{uint32(i / 4), 0, 0, 0}[i%4] }), ctr, ctr)
	round := evens("philoxKeyStep", philoxW0, philoxW1)
	keys := []v{key}
	for r := 1; r < 10; r++ {
		next := g.reg()
		g.VPADDD(round, keys[r-1], next)
		keys = append(keys, next)
	}
	step := g.data("philoxStep", func(i int) uint32 { return [4]uint32{uint32(g.width / 4), 0, 0, 0}[i%4] })
	factor := evens("philoxFactor", philoxM0, philoxM1)
	g.loop(n, 1, func(i reg.GPVirtual, disp int, mask m) {
		x := g.load(ctr)
		g.VPADDQ(step, ctr, ctr)
		for r := range 10 {
			p := g.reg()
			g.VPMULUDQ(factor, x, p)
			g.VPSHUFD(Imm(0x1b), p, p) // hi1, lo1, hi0, lo0
			g.VPSRLQ(Imm(32), x, x)    // x1, 0, x3, 0
			if g.wide() {
				g.VPTERNLOGD(Imm(0x96), keys[r], p, x) // exclusive or of three
			} else {
				x = g.xor(g.xor(x, keys[r]), p)
			}
		}
		g.out(finish(x), dst, i, disp, mask)
	})
}

// spill stores a quarter in the frame.
func (g *vec) spill(x reg.VecVirtual) Mem {
	m := g.AllocLocal(16)
	g.VMOVDQU(x, m)
	return m
}
