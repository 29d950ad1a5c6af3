package main

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

// fold joins accumulators and lanes in halves down to the lowest lane.
func (g *vecNEON) fold(acc []vn, join func(a, b vn) vn) vn {
	for h := len(acc) / 2; h > 0; h /= 2 {
		for j := range h {
			acc[j] = join(acc[j], acc[j+h])
		}
	}
	r := acc[0]
	for _, by := range []int{2, 1} {
		t := g.V()
		g.Ext(t, r, r, by)
		r = join(r, t)
	}
	return r
}

// accumulate writes the loop of a reduction over n elements at the pointers,
// in count vectors of lanes: join adds the vectors x, the lanes outside mask
// (if there is one) being zero in x, to accumulator k.
func (g *vecNEON) accumulate(n neon.R, from []neon.R, count int, term func(x []vn, mask *vn) []vn, join func(k int, t []vn)) {
	load := func(k int) []vn {
		var x []vn
		for _, p := range from {
			x = append(x, g.in(p, place{offset: 16 * k}))
		}
		return x
	}
	all := count * widthNEON
	g.SubFlags(n, n, all)
	g.Branch("BLT", "rest")
	g.Label("many")
	for k := range count {
		join(k, term(load(k), nil))
	}
	for _, p := range from {
		g.Add(p, p, 4*all)
	}
	g.SubFlags(n, n, all)
	g.Branch("BGE", "many")
	g.Label("rest")
	g.Add(n, n, all)
	which, tmp := g.R(), g.R()
	for k := range count {
		g.Move(which, k)
		if k == count-1 {
			break // less than a vector is left
		}
		g.Compare(n, widthNEON)
		g.Branch("BLT", "part")
		join(k, term(load(0), nil))
		for _, p := range from {
			g.Add(p, p, 16)
		}
		g.Sub(n, n, widthNEON)
	}
	g.Label("part")
	g.BranchZero("CBZ", n, "done")
	var x []vn
	for _, p := range from {
		v := g.V()
		loadSome(g.Func, v, p, 0, n, tmp)
		x = append(x, v)
	}
	mask := g.V()
	g.DupGeneral(false, mask, n)
	g.Three(neon.CMGT, mask, mask, g.Data([4]uint32{0, 1, 2, 3}))
	t := term(x, &mask)
	for k := range count {
		next := g.NewLabel("next")
		g.Compare(which, k)
		g.Branch("BNE", next)
		join(k, t)
		g.Branch("B", "done")
		g.Label(next)
	}
	g.Label("done")
}

// reduce writes a reduction in 64 lanes: term gives what element vectors add,
// join adds it to the accumulators, which start at identity.
func (g *vecNEON) reduce(name string, operands int, identity uint32, center bool, term func(x []vn, s vn) vn, join func(a, b vn) vn) {
	g.function(name, "func(n int, a, b *float32, s0 float32) (r float32)",
		"reduces n elements in 64 lanes; see the portable version.")
	n := g.Param("n")
	var from []neon.R
	for _, p := range []string{"a", "b"}[:operands] {
		from = append(from, g.Param(p))
	}
	var s vn
	if center {
		s = g.Broadcast("s0")
	}
	acc := make([]vn, lanes/widthNEON)
	for k := range acc {
		if identity == 0 {
			acc[k] = g.zero()
		} else {
			acc[k] = g.copy(g.bits(identity))
		}
	}
	g.accumulate(n, from, len(acc), func(x []vn, mask *vn) []vn {
		t := term(x, s)
		switch {
		case mask != nil && identity == 0:
			t = g.keep(*mask, t)
		case mask != nil:
			t = g.blend(*mask, t, g.bits(identity))
		}
		return []vn{t}
	}, func(k int, t []vn) {
		g.Copy(acc[k], join(t[0], acc[k]))
	})
	g.Result("r", g.fold(acc, join))
	g.Return()
}

func (g *vecNEON) reductions() {
	g.reduce("sum", 1, 0, false, func(x []vn, _ vn) vn { return x[0] }, g.add)
	g.reduce("dot", 2, 0, false, func(x []vn, _ vn) vn { return g.mul(x[0], x[1]) }, g.add)
	g.reduce("sumSq", 1, 0, false, func(x []vn, _ vn) vn { return g.mul(x[0], x[0]) }, g.add)
	g.reduce("sumSqDev", 1, 0, true, func(x []vn, s vn) vn { d := g.sub(x[0], s); return g.mul(d, d) }, g.add)
	g.reduce("sumExp", 1, 0, true, func(x []vn, s vn) vn { return g.exp(g.sub(x[0], s)) }, g.add)
	g.reduce("maxOf", 1, infinity|signMask, false, func(x []vn, _ vn) vn { return x[0] }, g.larger)
	g.reduce("minOf", 1, infinity, false, func(x []vn, _ vn) vn { return x[0] }, g.smaller)
	g.reduce("maxAbs", 1, 0, false, func(x []vn, _ vn) vn { return g.abs(x[0]) }, g.larger)
	// Sums of a-center and its square; of g and g*(b-center) with g = a, or a*c.
	g.twoSums("devSums", 1, func(x []vn, center vn) (vn, vn) { d := g.sub(x[0], center); return d, g.mul(d, d) })
	g.twoSums("normSums", 2, func(x []vn, mean vn) (vn, vn) { return x[0], g.mul(x[0], g.sub(x[1], mean)) })
	g.twoSums("normSumsWeight", 3, func(x []vn, mean vn) (vn, vn) {
		d := g.mul(x[0], x[2])
		return d, g.mul(d, g.sub(x[1], mean))
	})
}

// twoSums writes a reduction to two sums, 32 lanes each.
func (g *vecNEON) twoSums(name string, operands int, terms func(x []vn, s0 vn) (vn, vn)) {
	g.function(name, "func(n int, a, b, c *float32, s0 float32) (r0, r1 float32)",
		"returns two sums in 32 lanes each; see the portable version.")
	n := g.Param("n")
	var from []neon.R
	for _, p := range []string{"a", "b", "c"}[:operands] {
		from = append(from, g.Param(p))
	}
	s0 := g.Broadcast("s0")
	acc0, acc1 := make([]vn, lanes/2/widthNEON), make([]vn, lanes/2/widthNEON)
	for k := range acc0 {
		acc0[k], acc1[k] = g.zero(), g.zero()
	}
	g.accumulate(n, from, len(acc0), func(x []vn, mask *vn) []vn {
		t0, t1 := terms(x, s0)
		if mask != nil {
			t0, t1 = g.keep(*mask, t0), g.keep(*mask, t1)
		}
		return []vn{t0, t1}
	}, func(k int, t []vn) {
		g.Three(neon.FADD, acc0[k], t[0], acc0[k])
		g.Three(neon.FADD, acc1[k], t[1], acc1[k])
	})
	g.Result("r0", g.fold(acc0, g.add))
	g.Result("r1", g.fold(acc1, g.add))
	g.Return()
}
