package main

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

func (g *vecNEON) depthwiseKernels() {
	g.depthwise()
	g.depthwiseWeight()
}

// bytes loads a parameter that counts floats.
func (g *vecNEON) bytes(name string) neon.R {
	r := g.Param(name)
	g.Lsl(r, r, 2)
	return r
}

// steps returns step, twice and three times it.
func (g *vecNEON) steps(step neon.R) [3]neon.R {
	two, three := g.R(), g.R()
	g.Lsl(two, step, 1)
	g.Add(three, two, step)
	return [3]neon.R{step, two, three}
}

func (g *vecNEON) depthwise() {
	g.function("depthwise", "func(channels, pixels, xStep, yStep, wStep, taps int, offsets *int, ids *int32, x, w, y *float32)",
		"sets a run of pixels to weighted sums of others; see the portable version.")
	n, pixels, count := g.Param("channels"), g.Param("pixels"), g.Param("taps")
	offsets, ids, x, w, y := g.Param("offsets"), g.Param("ids"), g.Param("x"), g.Param("w"), g.Param("y")
	xs, ys, ws := g.steps(g.bytes("xStep")), g.steps(g.bytes("yStep")), g.bytes("wStep")

	// block writes the code for neighbouring pixels at x and y.
	block := func(neighbours int) {
		g.channels(n, []neon.R{x, w, y}, func(at place) {
			sums := make([]vn, neighbours)
			for k := range sums {
				sums[k] = g.zero()
			}
			g.taps(count, offsets, ids, func(offset, idAt neon.R) {
				q := g.R()
				g.LoadInt32(q, idAt, 0)
				g.Mul(q, q, ws)
				weight := g.inAt(w, q, at)
				g.Add(offset, offset, x)
				for k, sum := range sums {
					var e vn
					if k == 0 {
						e = g.in(offset, at)
					} else {
						e = g.inAt(offset, xs[k-1], at)
					}
					g.Three(neon.FMLA, sum, e, weight)
				}
			})
			for k, sum := range sums {
				if k == 0 {
					g.out(sum, y, at)
				} else {
					g.outAt(sum, y, ys[k-1], at)
				}
			}
		})
		if neighbours == 4 {
			g.AddShifted(x, x, xs[0], 2)
			g.AddShifted(y, y, ys[0], 2)
		} else {
			g.Add(x, x, xs[0])
			g.Add(y, y, ys[0])
		}
	}
	g.SubFlags(pixels, pixels, 4)
	g.Branch("BLT", "rest")
	g.Label("four")
	block(4)
	g.SubFlags(pixels, pixels, 4)
	g.Branch("BGE", "four")
	g.Label("rest")
	g.Add(pixels, pixels, 4)
	g.BranchZero("CBZ", pixels, "done")
	g.Label("pixel")
	block(1)
	g.Sub(pixels, pixels, 1)
	g.BranchZero("CBNZ", pixels, "pixel")
	g.Label("done")
	g.Return()
}

func (g *vecNEON) depthwiseWeight() {
	g.function("depthwiseWeight", "func(channels, pixels, xStep, yStep, wStep, taps int, offsets *int, ids *int32, x, dy, w *float32)",
		"adds up what a run of pixels gives to the weight; see the portable version.")
	n, pixels, count := g.Param("channels"), g.Param("pixels"), g.Param("taps")
	offsets, ids, x, dy, w := g.Param("offsets"), g.Param("ids"), g.Param("x"), g.Param("dy"), g.Param("w")
	xs, ys, ws := g.bytes("xStep"), g.bytes("yStep"), g.bytes("wStep")
	g.taps(count, offsets, ids, func(from, idAt neon.R) {
		to, p, q, left := g.R(), g.R(), g.R(), g.R()
		g.LoadInt32(to, idAt, 0)
		g.Mul(to, to, ws)
		g.Add(to, to, w)
		g.Add(from, from, x)
		g.channels(n, []neon.R{from, dy, to}, func(at place) {
			var sums [4]vn
			for k := range sums {
				sums[k] = g.zero()
			}
			product := func(into vn) {
				g.Three(neon.FMLA, into, g.in(p, at), g.in(q, at))
				g.Add(p, p, xs)
				g.Add(q, q, ys)
			}
			g.Move(p, from)
			g.Move(q, dy)
			four, rest, one, sum := g.NewLabel("four"), g.NewLabel("rest"), g.NewLabel("one"), g.NewLabel("sum")
			g.SubFlags(left, pixels, 4)
			g.Branch("BLT", rest)
			g.Label(four)
			for _, s := range sums {
				product(s)
			}
			g.SubFlags(left, left, 4)
			g.Branch("BGE", four)
			g.Label(rest)
			g.Add(left, left, 4)
			g.BranchZero("CBZ", left, sum)
			g.Label(one)
			product(sums[0])
			g.Sub(left, left, 1)
			g.BranchZero("CBNZ", left, one)
			g.Label(sum)
			total := g.add(g.add(sums[0], sums[1]), g.add(sums[2], sums[3]))
			g.out(g.add(total, g.in(to, at)), to, at)
		})
	})
	g.Return()
}
