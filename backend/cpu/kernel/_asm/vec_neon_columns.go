package main

import (
	"fmt"

	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

// columns writes a kernel of the kind; see that of type vec.
func (g *vecNEON) columns(name string, c columnKernel, body func(x, held, sums []vn) []vn) {
	g.function(name, "func(rows, cols, stride int, p0, p1, p2, p3, p4, p5 *float32)",
		"goes down the rows of matrices; see the portable version.")
	rows, left, stride := g.Param("rows"), g.Param("cols"), g.bytes("stride")
	p := map[int]neon.R{}
	var pointers []neon.R
	for _, list := range [][]int{c.in, c.out, c.held, c.sums} {
		for _, k := range list {
			if _, ok := p[k]; !ok {
				p[k] = g.Param(fmt.Sprintf("p%d", k))
				pointers = append(pointers, p[k])
			}
		}
	}
	// strip writes the code for count vectors or a single element.
	strip := func(count int, single bool) {
		at := func(k int) place { return place{16 * k, single} }
		row, moving := map[int]neon.R{}, []neon.R{}
		for _, list := range [][]int{c.in, c.out} {
			for _, q := range list {
				if _, ok := row[q]; !ok {
					row[q] = g.R()
					g.Move(row[q], p[q])
					moving = append(moving, row[q])
				}
			}
		}
		held, sums := make([][]vn, count), make([][]vn, count)
		for k := range count {
			for _, q := range c.held {
				held[k] = append(held[k], g.in(p[q], at(k)))
			}
			for _, q := range c.sums {
				sums[k] = append(sums[k], g.in(p[q], at(k)))
			}
		}
		more, next := g.R(), g.NewLabel("row")
		g.Move(more, rows)
		g.Label(next)
		for k := range count {
			var x []vn
			for _, q := range c.in {
				x = append(x, g.in(row[q], at(k)))
			}
			for i, y := range body(x, held[k], sums[k]) {
				g.out(y, row[c.out[i]], at(k))
			}
		}
		for _, r := range moving {
			g.Add(r, r, stride)
		}
		g.Sub(more, more, 1)
		g.BranchZero("CBNZ", more, next)
		for k := range count {
			for i, q := range c.sums {
				g.out(sums[k][i], p[q], at(k))
			}
		}
	}
	// all writes strips while there are that many columns.
	all := func(columns, count int, single bool) {
		again, enough := g.NewLabel("strip"), g.NewLabel("enough")
		g.SubFlags(left, left, columns)
		g.Branch("BLT", enough)
		g.Label(again)
		strip(count, single)
		for _, q := range pointers {
			g.Add(q, q, 4*columns)
		}
		g.SubFlags(left, left, columns)
		g.Branch("BGE", again)
		g.Label(enough)
		g.Add(left, left, columns)
	}
	all(4*widthNEON, 4, false)
	all(widthNEON, 1, false)
	all(1, 1, true)
	g.Return()
}

func (g *vecNEON) columnKernels() {
	list := func(k ...int) []int { return k }
	addTo := func(sum, x vn) { g.Three(neon.FADD, sum, sum, x) }

	// pointers x, center, s, sq
	g.columns("columnDevs", columnKernel{in: list(0), held: list(1), sums: list(2, 3)}, func(x, held, sums []vn) []vn {
		d := g.sub(x[0], held[0])
		addTo(sums[0], d)
		addTo(sums[1], g.mul(d, d))
		return nil
	})
	// pointers dy, x, mean, s, sx
	g.columns("columnSums", columnKernel{in: list(0, 1), held: list(2), sums: list(3, 4)}, func(x, held, sums []vn) []vn {
		addTo(sums[0], x[0])
		addTo(sums[1], g.mul(x[0], g.sub(x[1], held[0])))
		return nil
	})
	// pointers y, x, center, a, b
	g.columns("columnNorm", columnKernel{in: list(1), out: list(0), held: list(2, 3, 4)}, func(x, held, sums []vn) []vn {
		return []vn{g.fma(g.sub(x[0], held[0]), held[1], held[2])}
	})
	// pointers dx, dy, x, a, b, c
	g.columns("columnGrad", columnKernel{in: list(1, 2), out: list(0), held: list(3, 4, 5)}, func(x, held, sums []vn) []vn {
		return []vn{g.add(g.mul(held[0], x[0]), g.add(g.mul(held[1], x[1]), held[2]))}
	})
}
