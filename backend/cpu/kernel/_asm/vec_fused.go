package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// fused writes one pass over pointers p0, p1, ...: body gets the elements of
// those in reads, and returns the new elements of those in writes, in order.
// Each product is rounded before it is added, as in the portable version. What
// lies ahead bytes further on is fetched, unless that is 0.
func (g *vec) fused(name string, ahead int, reads, writes []int, scalars, unroll int, body func(x []v, s []v) []v) {
	g.function(name, "func(n int, p0, p1, p2, p3, p4, p5 *float32, s0, s1, s2, s3, s4, s5, s6, s7 float32)",
		"is one pass over n elements; see the portable version.")
	n := g.Load(g.Param("n"), g.GP64())
	var p [6]reg.Register
	for _, list := range [][]int{reads, writes} {
		for _, k := range list {
			if p[k] == nil {
				p[k] = g.Load(g.Param(fmt.Sprintf("p%d", k)), g.GP64())
			}
		}
	}
	var s []v
	for k := range scalars {
		s = append(s, g.broadcast(fmt.Sprintf("s%d", k)))
	}
	g.loop(n, unroll, func(i reg.GPVirtual, disp int, mask m) {
		var x []v
		for _, k := range reads {
			if ahead > 0 && mask == nil {
				g.PREFETCHT0(Mem{Base: p[k], Index: i, Scale: 4, Disp: disp + ahead})
			}
			x = append(x, g.in(p[k], i, disp, mask))
		}
		for j, y := range body(x, s) {
			g.out(y, p[writes[j]], i, disp, mask)
		}
	})
}

// updateAhead is how far ahead the step of an optimizer fetches, in bytes. It
// reads what nobody has touched since the last step, and the processor by itself
// fetches no further than to the end of a page. (BenchmarkAdam of 8388608: 512 to
// 4096 equal, each 1.15 times as fast as none.)
const updateAhead = 1024

func (g *vec) fusedKernels() {
	list := func(k ...int) []int { return k }

	// dx = rstd*g - (x-mean)*slope - shift; pointers dx, dy, x, w
	normGrad := func(d, x v, s []v) []v {
		return []v{g.sub(g.sub(g.mul(s[0], d), g.mul(g.sub(x, s[1]), s[2])), s[3])}
	}
	g.fused("normGrad", 0, list(1, 2), list(0), 4, 2, func(x, s []v) []v { return normGrad(x[0], x[1], s) })
	g.fused("normGradWeight", 0, list(1, 2, 3), list(0), 4, 2, func(x, s []v) []v { return normGrad(g.mul(x[0], x[2]), x[1], s) })

	// Optimizers: pointers p, g, then the state; scalars lr, decay, ...
	decayed := func(x, s []v) v { return g.add(x[1], g.mul(s[1], x[0])) }
	g.fused("sgd", updateAhead, list(0, 1), list(0), 2, 2, func(x, s []v) []v {
		return []v{g.sub(x[0], g.mul(s[0], decayed(x, s)))}
	})
	g.fused("sgdMomentum", updateAhead, list(0, 1, 2), list(0, 2), 4, 2, func(x, s []v) []v {
		d := decayed(x, s)
		b := g.add(g.mul(s[2], x[2]), g.mul(s[3], d))
		return []v{g.sub(x[0], g.mul(s[0], b)), b}
	})
	g.fused("sgdNesterov", updateAhead, list(0, 1, 2), list(0, 2), 5, 2, func(x, s []v) []v {
		d := decayed(x, s)
		b := g.add(g.mul(s[2], x[2]), g.mul(s[3], d))
		return []v{g.sub(x[0], g.mul(s[0], g.add(d, g.mul(s[4], b)))), b}
	})
	g.fused("adaGrad", updateAhead, list(0, 1, 2), list(0, 2), 3, 2, func(x, s []v) []v {
		d := decayed(x, s)
		sum := g.add(x[2], g.mul(d, d))
		return []v{g.sub(x[0], g.mul(s[0], g.div(d, g.add(g.sqrt(sum), s[2])))), sum}
	})
	for variant, name := range []string{"rmsProp", "rmsPropCentered", "rmsPropMomentum", "rmsPropCenteredMomentum"} {
		centered, momentum := variant&1 != 0, variant&2 != 0
		reads, writes := list(0, 1, 2), list(0, 2)
		if centered {
			reads, writes = append(reads, 3), append(writes, 3)
		}
		if momentum {
			reads, writes = append(reads, 4), append(writes, 4)
		}
		g.fused(name, updateAhead, reads, writes, 6, 1, func(x, s []v) []v {
			lr, alpha, rest, eps, mu := s[0], s[2], s[3], s[4], s[5]
			d := decayed(x, s)
			sq := g.add(g.mul(alpha, x[2]), g.mul(rest, g.mul(d, d)))
			under := sq
			state := []v{sq}
			if centered {
				avg := g.add(x[3], g.mul(rest, g.sub(d, x[3])))
				under = g.sub(sq, g.mul(avg, avg))
				state = append(state, avg)
			}
			u := g.div(d, g.add(g.sqrt(under), eps))
			if momentum {
				u = g.add(g.mul(mu, x[len(x)-1]), u)
				state = append(state, u)
			}
			return append([]v{g.sub(x[0], g.mul(lr, u))}, state...)
		})
	}
	// pointers p, g, m, v; scalars keep, decay, rest1, beta2, rest2, root, eps, step
	g.fused("adam", updateAhead, list(0, 1, 2, 3), list(0, 2, 3), 8, 1, func(x, s []v) []v {
		keep, rest1, beta2, rest2, root, eps, step := s[0], s[2], s[3], s[4], s[5], s[6], s[7]
		d := decayed(x, s)
		m1 := g.add(x[2], g.mul(rest1, g.sub(d, x[2])))
		v1 := g.add(g.mul(beta2, x[3]), g.mul(rest2, g.mul(d, d)))
		u := g.div(m1, g.add(g.mul(g.sqrt(v1), root), eps))
		return []v{g.sub(g.mul(keep, x[0]), g.mul(step, u)), m1, v1}
	})
}
