package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes is the number of partial sums of a reduction, the same in every set.
const lanes = 64

// fold joins accumulators and lanes in halves down to the lowest lane of acc[0].
func (g *vec) fold(acc []v, join func(a, b v) v) reg.VecVirtual {
	for h := len(acc) / 2; h > 0; h /= 2 {
		for j := range h {
			acc[j] = join(acc[j], acc[j+h])
		}
	}
	r := acc[0]
	if g.wide() {
		high := g.reg()
		g.VSHUFF32X4(Imm(0xee), r, r, high) // lanes 8 to 15
		r = join(r, high)
	}
	for _, step := range []uint64{4, 2, 1} {
		t := g.reg()
		switch step {
		case 4:
			if g.wide() {
				g.VSHUFF32X4(Imm(0x55), r, r, t)
			} else {
				g.VPERM2F128(Imm(0x11), r, r, t)
			}
		case 2:
			g.VPERMILPS(Imm(0xee), r, t)
		case 1:
			g.VPERMILPS(Imm(0x55), r, t)
		}
		r = join(r, t)
	}
	return r
}

// result stores the lowest lane of x.
func (g *vec) result(x v, name string) {
	p, err := g.Return(name).Resolve()
	if err != nil {
		panic(err)
	}
	g.VMOVSS(x.AsX(), p.Addr)
}

// reduce writes a reduction in 64 lanes: term gives what element vectors add,
// join adds it to the accumulators, which start at identity.
func (g *vec) reduce(name string, operands int, identity uint32, center bool, term func(x []v, s v) v, join func(a, b v) v) {
	g.function(name, "func(n int, a, b *float32, s0 float32) (r float32)",
		"reduces n elements in 64 lanes; see the portable version.")
	n := g.Load(g.Param("n"), g.GP64())
	var from []reg.Register
	for _, p := range []string{"a", "b"}[:operands] {
		from = append(from, g.Load(g.Param(p), g.GP64()))
	}
	var s v
	if center {
		s = g.broadcast("s0")
	}
	acc := make([]v, lanes/g.width)
	for k := range acc {
		acc[k] = g.reg()
		if identity == 0 {
			z := g.zero()
			g.VMOVUPS(z, acc[k])
		} else {
			g.VMOVUPS(g.bits(identity), acc[k])
		}
	}
	step := func(k int, mask m) {
		var x []v
		for _, p := range from {
			at := Mem{Base: p, Disp: 4 * g.width * k}
			if mask == nil {
				x = append(x, g.load(at))
			} else {
				x = append(x, g.loadTail(mask, at))
			}
		}
		t := term(x, s)
		if mask != nil {
			if identity == 0 {
				t = g.keep(mask, t)
			} else {
				t = g.blend(mask, t, g.load(g.bits(identity)))
			}
		}
		g.VMOVUPS(join(t, acc[k]), acc[k])
	}
	many, rest, done := g.label("many"), g.label("rest"), g.label("done")
	g.SUBQ(Imm(lanes), n)
	g.JL(LabelRef(rest))
	g.Label(many)
	for k := range acc {
		step(k, nil)
	}
	for _, p := range from {
		g.ADDQ(U32(4*lanes), p)
	}
	g.SUBQ(Imm(lanes), n)
	g.JGE(LabelRef(many))
	g.Label(rest)
	g.ADDQ(Imm(lanes), n)
	g.JZ(LabelRef(done))
	for k := range acc {
		part := g.label("part")
		g.CMPQ(n, Imm(uint64(g.width)))
		g.JL(LabelRef(part))
		step(k, nil)
		g.SUBQ(Imm(uint64(g.width)), n)
		g.JZ(LabelRef(done))
		if k == len(acc)-1 {
			// Fewer than 64 elements were left: this place is never reached
			// with elements.
			g.JMP(LabelRef(done))
		}
		next := g.label("next")
		g.JMP(LabelRef(next))
		g.Label(part)
		count := g.GP64()
		g.MOVQ(n, count)
		step(k, g.tailMask(count))
		g.JMP(LabelRef(done))
		g.Label(next)
	}
	g.Label(done)
	r := g.fold(acc, join)
	g.result(r, "r")
	g.VZEROUPPER()
	g.RET()
}

func (g *vec) reductions() {
	sum := func(a, b v) v { return g.add(a, b) }
	g.reduce("sum", 1, 0, false, func(x []v, _ v) v { return x[0] }, sum)
	g.reduce("dot", 2, 0, false, func(x []v, _ v) v { return g.mul(x[0], x[1]) }, sum)
	g.reduce("sumSq", 1, 0, false, func(x []v, _ v) v { return g.mul(x[0], x[0]) }, sum)
	g.reduce("sumSqDev", 1, 0, true, func(x []v, s v) v { d := g.sub(x[0], s); return g.mul(d, d) }, sum)
	g.reduce("sumExp", 1, 0, true, func(x []v, s v) v { return g.exp(g.sub(x[0], s)) }, sum)
	g.reduce("maxOf", 1, infinity|signMask, false, func(x []v, _ v) v { return x[0] }, g.larger)
	g.reduce("minOf", 1, infinity, false, func(x []v, _ v) v { return x[0] }, g.smaller)
	g.reduce("maxAbs", 1, 0, false, func(x []v, _ v) v { return g.and(x[0], g.bits(restMask)) }, g.larger)
	// Sums of a-center and its square; of g and g*(b-center) with g = a, or a*c.
	g.twoSums("devSums", 1, func(x []v, center v) (v, v) { d := g.sub(x[0], center); return d, g.mul(d, d) })
	g.twoSums("normSums", 2, func(x []v, mean v) (v, v) { return x[0], g.mul(x[0], g.sub(x[1], mean)) })
	g.twoSums("normSumsWeight", 3, func(x []v, mean v) (v, v) {
		d := g.mul(x[0], x[2])
		return d, g.mul(d, g.sub(x[1], mean))
	})
}

// twoSums writes a reduction to two sums, 32 lanes each.
func (g *vec) twoSums(name string, operands int, terms func(x []v, s0 v) (v, v)) {
	g.function(name, "func(n int, a, b, c *float32, s0 float32) (r0, r1 float32)",
		"returns two sums in 32 lanes each; see the portable version.")
	n := g.Load(g.Param("n"), g.GP64())
	var from []reg.Register
	for _, p := range []string{"a", "b", "c"}[:operands] {
		from = append(from, g.Load(g.Param(p), g.GP64()))
	}
	s0 := g.broadcast("s0")
	count := lanes / 2 / g.width
	acc0, acc1 := make([]v, count), make([]v, count)
	for k := range count {
		acc0[k], acc1[k] = g.zero(), g.zero()
	}
	step := func(k int, mask m) {
		var x []v
		for _, p := range from {
			at := Mem{Base: p, Disp: 4 * g.width * k}
			if mask == nil {
				x = append(x, g.load(at))
			} else {
				x = append(x, g.loadTail(mask, at))
			}
		}
		t0, t1 := terms(x, s0)
		if mask != nil {
			t0, t1 = g.keep(mask, t0), g.keep(mask, t1)
		}
		g.VADDPS(t0, acc0[k], acc0[k])
		g.VADDPS(t1, acc1[k], acc1[k])
	}
	many, rest, done := g.label("many"), g.label("rest"), g.label("done")
	g.SUBQ(Imm(lanes/2), n)
	g.JL(LabelRef(rest))
	g.Label(many)
	for k := range count {
		step(k, nil)
	}
	for _, p := range from {
		g.ADDQ(U32(4*lanes/2), p)
	}
	g.SUBQ(Imm(lanes/2), n)
	g.JGE(LabelRef(many))
	g.Label(rest)
	g.ADDQ(Imm(lanes/2), n)
	g.JZ(LabelRef(done))
	for k := range count {
		part, next := g.label("part"), g.label("next")
		g.CMPQ(n, Imm(uint64(g.width)))
		g.JL(LabelRef(part))
		step(k, nil)
		g.SUBQ(Imm(uint64(g.width)), n)
		g.JZ(LabelRef(done))
		g.JMP(LabelRef(next))
		g.Label(part)
		left := g.GP64()
		g.MOVQ(n, left)
		step(k, g.tailMask(left))
		g.JMP(LabelRef(done))
		g.Label(next)
	}
	g.Label(done)
	sum := func(a, b v) v { return g.add(a, b) }
	r0 := g.fold(acc0, sum)
	g.result(r0, "r0")
	r1 := g.fold(acc1, sum)
	g.result(r1, "r1")
	g.VZEROUPPER()
	g.RET()
}
