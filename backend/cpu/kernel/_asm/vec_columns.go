package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A columnKernel goes down the rows of matrices; of each vector it is told the
// pointer, p0 to p5.
type columnKernel struct {
	in, out []int // matrices that are read and written
	held    []int // an element a column, read once
	sums    []int // an element a column, added to
}

// columns writes a kernel of the kind. It takes strips of a few vectors and
// keeps in registers, for all rows, what there is one element of a column. body
// gets a vector of each matrix in, and of held, adds to sums and returns the
// vectors of out. Each product is rounded before it is added to something.
func (g *vec) columns(name string, c columnKernel, body func(x, held, sums []v) []v) {
	g.function(name, "func(rows, cols, stride int, p0, p1, p2, p3, p4, p5 *float32)",
		"goes down the rows of matrices; see the portable version.")
	p := map[int]reg.Register{}
	for _, list := range [][]int{c.in, c.out, c.held, c.sums} {
		for _, k := range list {
			if p[k] == nil {
				p[k] = g.Load(g.Param(fmt.Sprintf("p%d", k)), g.GP64())
			}
		}
	}
	stride := g.bytes("stride")
	left, off := g.Load(g.Param("cols"), g.GP64()).(reg.GPVirtual), g.GP64()
	g.XORQ(off, off)

	// strip writes the code for count vectors, the last of them under a mask
	// that is not nil.
	strip := func(count int, mask m) {
		masked := func(k int) m {
			if k < count-1 {
				return nil
			}
			return mask
		}
		at := func(k int, q int) Mem { return Mem{Base: p[q], Index: off, Scale: 1, Disp: 4 * g.width * k} }
		row, moving := map[int]reg.Register{}, []reg.Register{}
		for _, list := range [][]int{c.in, c.out} {
			for _, q := range list {
				if row[q] == nil {
					r := g.GP64()
					g.LEAQ(at(0, q), r)
					row[q], moving = r, append(moving, r)
				}
			}
		}
		held, sums := make([][]v, count), make([][]v, count)
		hold := func(k int) (list []v) {
			for _, q := range c.held {
				list = append(list, g.masked(masked(k), at(k, q)))
			}
			return list
		}
		for k := range count {
			if g.wide() {
				held[k] = hold(k)
			}
			for _, q := range c.sums {
				sums[k] = append(sums[k], g.masked(masked(k), at(k, q)))
			}
		}
		rows, next := g.Load(g.Param("rows"), g.GP64()), g.label("row")
		g.Label(next)
		for k := range count {
			var x []v
			for _, q := range c.in {
				x = append(x, g.masked(masked(k), Mem{Base: row[q], Disp: 4 * g.width * k}))
			}
			if !g.wide() { // there are too few registers to keep them
				held[k] = hold(k)
			}
			for i, y := range body(x, held[k], sums[k]) {
				g.put(y, masked(k), Mem{Base: row[c.out[i]], Disp: 4 * g.width * k})
			}
		}
		for _, r := range moving {
			g.ADDQ(stride, r)
		}
		g.DECQ(rows)
		g.JNZ(LabelRef(next))
		for k := range count {
			for i, q := range c.sums {
				g.put(sums[k][i], masked(k), at(k, q))
			}
		}
	}
	const wide = 4
	whole, rest, done := g.label("strip"), g.label("rest"), g.label("done")
	g.SUBQ(Imm(uint64(wide*g.width)), left)
	g.JL(LabelRef(rest))
	g.Label(whole)
	strip(wide, nil)
	g.ADDQ(U32(4*wide*g.width), off)
	g.SUBQ(Imm(uint64(wide*g.width)), left)
	g.JGE(LabelRef(whole))
	g.Label(rest)
	g.ADDQ(Imm(uint64(wide*g.width)), left)
	g.JZ(LabelRef(done))
	for count := 1; count <= wide; count++ {
		more := g.label("more")
		if count < wide {
			g.CMPQ(left, Imm(uint64(count*g.width)))
			g.JG(LabelRef(more))
		}
		if count > 1 {
			g.SUBQ(Imm(uint64((count-1)*g.width)), left)
		}
		strip(count, g.tailMask(left))
		if count < wide {
			g.JMP(LabelRef(done))
			g.Label(more)
		}
	}
	g.Label(done)
	g.VZEROUPPER()
	g.RET()
}

// put stores a vector, or the lanes of a mask that is not nil.
func (g *vec) put(x v, mask m, to Mem) {
	if mask == nil {
		g.VMOVUPS(x, to)
	} else {
		g.storeTail(mask, x, to)
	}
}

func (g *vec) columnKernels() {
	list := func(k ...int) []int { return k }
	addTo := func(sum, x v) { g.VADDPS(x, sum, sum) }

	// pointers x, center, s, sq
	g.columns("columnDevs", columnKernel{in: list(0), held: list(1), sums: list(2, 3)}, func(x, held, sums []v) []v {
		d := g.sub(x[0], held[0])
		addTo(sums[0], d)
		addTo(sums[1], g.mul(d, d))
		return nil
	})
	// pointers dy, x, mean, s, sx
	g.columns("columnSums", columnKernel{in: list(0, 1), held: list(2), sums: list(3, 4)}, func(x, held, sums []v) []v {
		addTo(sums[0], x[0])
		addTo(sums[1], g.mul(x[0], g.sub(x[1], held[0])))
		return nil
	})
	// pointers y, x, center, a, b
	g.columns("columnNorm", columnKernel{in: list(1), out: list(0), held: list(2, 3, 4)}, func(x, held, sums []v) []v {
		return []v{g.fma(g.sub(x[0], held[0]), held[1], held[2])}
	})
	// pointers dx, dy, x, a, b, c
	g.columns("columnGrad", columnKernel{in: list(1, 2), out: list(0), held: list(3, 4, 5)}, func(x, held, sums []v) []v {
		return []v{g.add(g.mul(held[0], x[0]), g.add(g.mul(held[1], x[1]), held[2]))}
	})
}
