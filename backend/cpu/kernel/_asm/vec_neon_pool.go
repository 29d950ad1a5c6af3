package main

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

func (g *vecNEON) pooling() {
	g.maxPool()
	g.maxPoolGrad()
}

// channels writes body for all of n channels: whole vectors, then single ones.
// The pointers move along and come back.
func (g *vecNEON) channels(n neon.R, pointers []neon.R, body func(at place)) {
	left, back := g.R(), g.R()
	vector, few, single, whole := g.NewLabel("vector"), g.NewLabel("few"), g.NewLabel("single"), g.NewLabel("whole")
	move := func(elements int) {
		for _, p := range pointers {
			g.Add(p, p, 4*elements)
		}
	}
	g.SubFlags(left, n, widthNEON)
	g.Branch("BLT", few)
	g.Label(vector)
	body(place{})
	move(widthNEON)
	g.SubFlags(left, left, widthNEON)
	g.Branch("BGE", vector)
	g.Label(few)
	g.Add(left, left, widthNEON)
	g.BranchZero("CBZ", left, whole)
	g.Label(single)
	body(place{single: true})
	move(1)
	g.Sub(left, left, 1)
	g.BranchZero("CBNZ", left, single)
	g.Label(whole)
	g.Lsl(back, n, 2)
	for _, p := range pointers {
		g.Sub(p, p, back)
	}
}

// taps writes body for every tap, with its offset in bytes and the place of its
// id.
func (g *vecNEON) taps(count, offsets, ids neon.R, body func(offset, idAt neon.R)) {
	left, at, idAt, offset := g.R(), g.R(), g.R(), g.R()
	g.Move(left, count)
	g.Move(at, offsets)
	g.Move(idAt, ids)
	label := g.NewLabel("tap")
	g.Label(label)
	g.Load(offset, at, 0)
	g.Lsl(offset, offset, 2)
	body(offset, idAt)
	g.Add(at, at, 8)
	g.Add(idAt, idAt, 4)
	g.Sub(left, left, 1)
	g.BranchZero("CBNZ", left, label)
}

// all returns the word at p in every lane.
func (g *vecNEON) all(p neon.R) vn { v := g.V(); g.LoadAll(v, p); return v }

// outAt is out at base and offset.
func (g *vecNEON) outAt(v vn, base, offset neon.R, at place) {
	if at.single {
		g.Store1At(v, base, offset)
	} else {
		g.Store4At(v, base, offset)
	}
}

// inAt is in at base and offset.
func (g *vecNEON) inAt(base, offset neon.R, at place) vn {
	v := g.V()
	if at.single {
		g.Load1At(v, base, offset)
	} else {
		g.Load4At(v, base, offset)
	}
	return v
}

func (g *vecNEON) maxPool() {
	g.function("maxPool", "func(channels, pixels, xStep, taps int, offsets *int, ids *int32, x, y *float32, index *int32)",
		"finds the maxima of a run of pixels; see the portable version.")
	n, pixels, step, count := g.Param("channels"), g.Param("pixels"), g.Param("xStep"), g.Param("taps")
	offsets, ids, x, y, index := g.Param("offsets"), g.Param("ids"), g.Param("x"), g.Param("y"), g.Param("index")
	g.Lsl(step, step, 2)
	// The index is written behind y by a distance, if at all.
	distance := g.R()
	g.Sub(distance, index, y)
	g.Label("pixel")
	g.channels(n, []neon.R{x, y}, func(at place) {
		best, id := g.copy(g.bits(infinity|signMask)), g.all(ids)
		g.taps(count, offsets, ids, func(offset, idAt neon.R) {
			e := g.inAt(x, offset, at)
			wins := g.orNaN(g.greater(e, best), e)
			g.Three(neon.BIT, best, e, wins)
			g.Three(neon.BIT, id, g.all(idAt), wins)
		})
		g.out(best, y, at)
		skip := g.NewLabel("skip")
		g.BranchZero("CBZ", index, skip)
		g.outAt(id, y, distance, at)
		g.Label(skip)
	})
	g.Add(x, x, step)
	g.AddShifted(y, y, n, 2)
	g.Sub(pixels, pixels, 1)
	g.BranchZero("CBNZ", pixels, "pixel")
	g.Return()
}

func (g *vecNEON) maxPoolGrad() {
	g.function("maxPoolGrad", "func(channels, pixels, yStep, xStep, taps int, offsets *int, ids *int32, dy *float32, index *int32, dx *float32)",
		"sums what a run of pixels gets from its windows; see the portable version.")
	n, pixels, yStep, xStep, count := g.Param("channels"), g.Param("pixels"), g.Param("yStep"), g.Param("xStep"), g.Param("taps")
	offsets, ids, dy, index, dx := g.Param("offsets"), g.Param("ids"), g.Param("dy"), g.Param("index"), g.Param("dx")
	g.Lsl(yStep, yStep, 2)
	g.Lsl(xStep, xStep, 2)
	g.Label("pixel")
	g.channels(n, []neon.R{dy, index, dx}, func(at place) {
		sum := g.zero()
		g.taps(count, offsets, ids, func(offset, idAt neon.R) {
			here := g.equalInt(g.all(idAt), g.inAt(index, offset, at))
			g.Three(neon.FADD, sum, g.keep(here, g.inAt(dy, offset, at)), sum)
		})
		g.out(sum, dx, at)
	})
	g.Add(dy, dy, yStep)
	g.Add(index, index, yStep)
	g.Add(dx, dx, xStep)
	g.Sub(pixels, pixels, 1)
	g.BranchZero("CBNZ", pixels, "pixel")
	g.Return()
}
