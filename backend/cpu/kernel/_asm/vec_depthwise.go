package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (g *vec) depthwiseKernels() {
	g.depthwise()
	g.depthwiseWeight()
}

// param is a parameter where it lies on the stack.
func (g *vec) param(name string) Mem {
	p, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

// bytes loads a parameter that counts floats.
func (g *vec) bytes(name string) reg.GPVirtual {
	r := g.Load(g.Param(name), g.GP64()).(reg.GPVirtual)
	g.SHLQ(Imm(2), r)
	return r
}

// masked loads a vector, or the lanes of a mask that is not nil.
func (g *vec) masked(mask m, from Mem) v {
	if mask == nil {
		return g.load(from)
	}
	return g.loadTail(mask, from)
}

func (g *vec) depthwise() {
	g.function("depthwise", "func(channels, pixels, xStep, yStep, wStep, taps int, offsets *int, ids *int32, x, w, y *float32)",
		"sets a run of pixels to weighted sums of others; see the portable version.")
	offsets := g.Load(g.Param("offsets"), g.GP64())
	ids := g.Load(g.Param("ids"), g.GP64())
	x := g.Load(g.Param("x"), g.GP64())
	w := g.Load(g.Param("w"), g.GP64())
	y := g.Load(g.Param("y"), g.GP64())
	xs, xs3 := g.bytes("xStep"), g.GP64()
	g.LEAQ(Mem{Base: xs, Index: xs, Scale: 2}, xs3)
	pixels := g.param("pixels") // counted down where it lies: registers are few
	n, off := g.GP64(), g.GP64()

	// block writes the code for count neighbouring pixels at x and y.
	block := func(count int) {
		g.MOVQ(g.param("channels"), n)
		g.channels(n, off, func(mask m) {
			sums := make([]v, count)
			for k := range sums {
				sums[k] = g.zero()
			}
			t, p, q := g.GP64(), g.GP64(), g.GP64()
			at := func(p, step, step3 reg.Register) []Mem {
				return []Mem{{Base: p}, {Base: p, Index: step, Scale: 1}, {Base: p, Index: step, Scale: 2}, {Base: p, Index: step3, Scale: 1}}[:count]
			}
			g.XORQ(t, t)
			tap := g.label("tap")
			g.Label(tap)
			g.MOVQ(Mem{Base: offsets, Index: t, Scale: 8}, p)
			g.LEAQ(Mem{Base: off, Index: p, Scale: 4}, p)
			g.ADDQ(x, p)
			g.MOVLQSX(Mem{Base: ids, Index: t, Scale: 4}, q)
			g.IMULQ(g.param("wStep"), q)
			g.LEAQ(Mem{Base: off, Index: q, Scale: 4}, q)
			weight := g.masked(mask, Mem{Base: w, Index: q, Scale: 1})
			for k, from := range at(p, xs, xs3) {
				if mask == nil {
					g.VFMADD231PS(from, weight, sums[k])
				} else {
					g.VFMADD231PS(g.loadTail(mask, from), weight, sums[k])
				}
			}
			g.INCQ(t)
			g.CMPQ(t, g.param("taps"))
			g.JL(LabelRef(tap))
			g.LEAQ(Mem{Base: y, Index: off, Scale: 1}, p)
			g.MOVQ(g.param("yStep"), q)
			g.SHLQ(Imm(2), q)
			g.LEAQ(Mem{Base: q, Index: q, Scale: 2}, t)
			for k, to := range at(p, q, t) {
				if mask == nil {
					g.VMOVUPS(sums[k], to)
				} else {
					g.storeTail(mask, sums[k], to)
				}
			}
		})
		g.LEAQ(Mem{Base: x, Index: xs, Scale: uint8(count)}, x)
		step := g.GP64()
		g.MOVQ(g.param("yStep"), step)
		g.SHLQ(Imm(2), step)
		g.LEAQ(Mem{Base: y, Index: step, Scale: uint8(count)}, y)
		g.SUBQ(Imm(uint64(count)), pixels)
	}
	four, single, one, done := g.label("four"), g.label("single"), g.label("one"), g.label("done")
	g.Label(four)
	g.CMPQ(pixels, Imm(4))
	g.JL(LabelRef(single))
	block(4)
	g.JMP(LabelRef(four))
	g.Label(single)
	g.CMPQ(pixels, Imm(0))
	g.JE(LabelRef(done))
	g.Label(one)
	block(1)
	g.JNZ(LabelRef(one))
	g.Label(done)
	g.VZEROUPPER()
	g.RET()
}

// weightTaps is how many taps the gradient by the weight takes at a time, so that
// they share what is read of dy.
const weightTaps = 3

func (g *vec) depthwiseWeight() {
	g.function("depthwiseWeight", "func(channels, pixels, xStep, yStep, wStep, taps int, offsets *int, ids *int32, x, dy, w *float32)",
		"adds up what a run of pixels gives to the weight; see the portable version.")
	xs, ys := g.bytes("xStep"), g.bytes("yStep")
	n, off, t := g.GP64(), g.GP64(), g.GP64()
	g.XORQ(t, t)
	var sums [weightTaps][4]v
	for i := range sums {
		for k := range sums[i] {
			sums[i][k] = g.reg()
		}
	}

	// block writes the code for count taps from t on.
	block := func(count int) {
		g.MOVQ(g.param("channels"), n)
		g.channels(n, off, func(mask m) {
			var p [weightTaps]reg.GPVirtual
			q, left := g.GP64(), g.GP64()
			g.MOVQ(g.param("offsets"), q)
			for i := range count {
				for _, s := range sums[i] {
					g.VXORPS(s, s, s)
				}
				p[i] = g.GP64()
				g.MOVQ(Mem{Base: q, Index: t, Scale: 8, Disp: 8 * i}, p[i])
				g.LEAQ(Mem{Base: off, Index: p[i], Scale: 4}, p[i])
				g.ADDQ(g.param("x"), p[i])
			}
			g.MOVQ(g.param("dy"), q)
			g.ADDQ(off, q)
			g.MOVQ(g.param("pixels"), left)
			four, single, one, sum := g.label("four"), g.label("single"), g.label("one"), g.label("sum")
			// product adds pixel k of the next two, whose dy is there.
			product := func(k, into int, dy v) {
				for i := range count {
					x := Mem{Base: p[i]}
					if k == 1 {
						x.Index, x.Scale = xs, 1
					}
					if mask == nil {
						g.VFMADD231PS(x, dy, sums[i][into])
					} else {
						g.VFMADD231PS(g.loadTail(mask, x), dy, sums[i][into])
					}
				}
			}
			g.SUBQ(Imm(4), left)
			g.JL(LabelRef(single))
			g.Label(four)
			for k := 0; k < 4; k += 2 {
				product(0, k, g.masked(mask, Mem{Base: q}))
				product(1, k+1, g.masked(mask, Mem{Base: q, Index: ys, Scale: 1}))
				for i := range count {
					g.LEAQ(Mem{Base: p[i], Index: xs, Scale: 2}, p[i])
				}
				g.LEAQ(Mem{Base: q, Index: ys, Scale: 2}, q)
			}
			g.SUBQ(Imm(4), left)
			g.JGE(LabelRef(four))
			g.Label(single)
			g.ADDQ(Imm(4), left)
			g.JZ(LabelRef(sum))
			g.Label(one)
			product(0, 0, g.masked(mask, Mem{Base: q}))
			for i := range count {
				g.ADDQ(xs, p[i])
			}
			g.ADDQ(ys, q)
			g.DECQ(left)
			g.JNZ(LabelRef(one))
			g.Label(sum)
			for i := range count {
				g.MOVQ(g.param("ids"), q)
				g.MOVLQSX(Mem{Base: q, Index: t, Scale: 4, Disp: 4 * i}, q)
				g.IMULQ(g.param("wStep"), q)
				g.LEAQ(Mem{Base: off, Index: q, Scale: 4}, q)
				g.ADDQ(g.param("w"), q)
				s := sums[i]
				total := g.add(g.add(g.add(s[0], s[1]), g.add(s[2], s[3])), g.masked(mask, Mem{Base: q}))
				g.put(total, mask, Mem{Base: q})
			}
		})
		g.ADDQ(Imm(uint64(count)), t)
	}
	many, rest, tap, done := g.label("many"), g.label("rest"), g.label("tap"), g.label("done")
	g.Label(many)
	g.LEAQ(Mem{Base: t, Disp: weightTaps}, n)
	g.CMPQ(n, g.param("taps"))
	g.JG(LabelRef(rest))
	block(weightTaps)
	g.JMP(LabelRef(many))
	g.Label(rest)
	g.CMPQ(t, g.param("taps"))
	g.JGE(LabelRef(done))
	g.Label(tap)
	block(1)
	g.CMPQ(t, g.param("taps"))
	g.JL(LabelRef(tap))
	g.Label(done)
	g.VZEROUPPER()
	g.RET()
}
