package main

import (
	"math"

	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

// attentionNEON writes what attention does with its scores for arm64, with the
// formulas of attention.go.
func attentionNEON(f *neon.File) {
	g := &vecNEON{file: f}
	g.softmax()
	g.weights()
	g.scaleRows()
}

// power returns 2^x.
func (g *vecNEON) power(x vn) vn {
	x = g.above(-150, g.below(128, x))
	n := g.two(neon.FRINTM, x)
	return g.scale(g.horner(powerFit, g.sub(x, n)), n)
}

// A scoresNEON is a function that goes down columns of scores, some vectors of
// them at a time.
type scoresNEON struct {
	*vecNEON
	ld, rows, plain, a, p, left neon.R
	lane                        []vn
	bound                       vn
}

// scoreFunction writes a function that calls body for each group of columns.
func (g *vecNEON) scoreFunction(name, more, doc string, pointers []string, body func(s *scoresNEON, p map[string]neon.R)) {
	name = "attention" + name + "NEON"
	g.Func = g.file.Func(name, "func(rows, plain, ld, cols int, bound float32, a, "+more+" *float32)", name+" "+doc)
	s := &scoresNEON{vecNEON: g, ld: g.bytes("ld"), rows: g.Param("rows"), plain: g.Param("plain"), p: g.R(), left: g.R()}
	p := map[string]neon.R{}
	for _, name := range append([]string{"a"}, pointers...) {
		p[name] = g.Param(name)
	}
	s.a = p["a"]
	cols := g.Param("cols")
	s.bound = g.Broadcast("bound")
	for k := range scoreColumns {
		var lanes [4]uint32
		for i := range lanes {
			lanes[i] = math.Float32bits(float32(4*k + i))
		}
		s.lane = append(s.lane, g.copy(g.Data(lanes)))
	}
	const step = scoreColumns * widthNEON
	group := g.NewLabel("group")
	g.Label(group)
	body(s, p)
	for _, name := range append([]string{"a"}, pointers...) {
		g.Add(p[name], p[name], 4*step)
	}
	for k := range s.lane {
		g.Three(neon.FADD, s.lane[k], s.lane[k], g.num(step))
	}
	g.SubFlags(cols, cols, step)
	g.Branch("BGT", group)
	g.Return()
}

func (s *scoresNEON) get(base neon.R, k int) vn    { return s.in(base, place{offset: 16 * k}) }
func (s *scoresNEON) set(x vn, base neon.R, k int) { s.out(x, base, place{offset: 16 * k}) }

// down writes a loop over as many rows as left tells, along pointers.
func (s *scoresNEON) down(pointers []neon.R, body func()) {
	row, done := s.NewLabel("row"), s.NewLabel("done")
	s.Compare(s.left, 0)
	s.Branch("BLE", done)
	s.Label(row)
	body()
	for _, p := range pointers {
		s.Add(p, p, s.ld)
	}
	s.Sub(s.left, s.left, 1)
	s.BranchZero("CBNZ", s.left, row)
	s.Label(done)
}

// seen is x, or -Inf in hidden columns.
func (s *scoresNEON) seen(x vn, k int, edge vn) vn {
	return s.blend(s.greater(s.lane[k], edge), x, s.bits(infinity|signMask))
}

func (g *vecNEON) softmax() {
	g.scoreFunction("Softmax", "top, sum, less", "makes weights of scores, see attentionKernels.", []string{"top", "sum", "less"},
		func(s *scoresNEON, p map[string]neon.R) {
			m := make([]vn, scoreColumns)
			for k := range m {
				m[k] = s.get(p["top"], k)
			}
			// largest keeps the largest number; a NaN is none.
			largest := func(k int, x vn) {
				g.Three(neon.BIT, m[k], x, g.greater(x, m[k]))
			}
			g.Move(s.p, s.a)
			g.Move(s.left, s.plain)
			s.down([]neon.R{s.p}, func() {
				for k := range m {
					largest(k, s.get(s.p, k))
				}
			})
			edge := g.copy(s.bound)
			g.Sub(s.left, s.rows, s.plain)
			s.down([]neon.R{s.p}, func() {
				for k := range m {
					x := s.seen(s.get(s.p, k), k, edge)
					s.set(x, s.p, k)
					largest(k, x)
				}
				g.Three(neon.FADD, edge, edge, g.num(1))
			})
			shift, sum := make([]vn, scoreColumns), make([]vn, scoreColumns)
			for k := range m {
				top := s.get(p["top"], k)
				s.set(m[k], p["top"], k)
				// Nothing but -Inf so far: they are to give 0.
				shift[k] = g.drop(g.equal(m[k], g.bits(infinity|signMask)), m[k])
				s.set(g.power(g.sub(top, shift[k])), p["less"], k)
				sum[k] = g.zero()
			}
			g.Move(s.p, s.a)
			g.Move(s.left, s.rows)
			s.down([]neon.R{s.p}, func() {
				for k := range m {
					e := g.power(g.sub(s.get(s.p, k), shift[k]))
					s.set(e, s.p, k)
					g.Three(neon.FADD, sum[k], sum[k], e)
				}
			})
			for k := range m {
				g.Three(neon.FMLA, sum[k], s.get(p["sum"], k), s.get(p["less"], k))
				s.set(sum[k], p["sum"], k)
			}
		})
}

func (g *vecNEON) weights() {
	g.scoreFunction("Weights", "d, lse, delta", "makes weights and gradients of scores, see attentionKernels.", []string{"d", "lse", "delta"},
		func(s *scoresNEON, p map[string]neon.R) {
			lse, delta := make([]vn, scoreColumns), make([]vn, scoreColumns)
			for k := range lse {
				lse[k], delta[k] = s.get(p["lse"], k), s.get(p["delta"], k)
			}
			d := g.R()
			weigh := func(k int, x vn) {
				e := g.power(g.sub(x, lse[k]))
				s.set(e, s.p, k)
				s.set(g.mul(g.sub(s.get(d, k), delta[k]), e), d, k)
			}
			g.Move(s.p, s.a)
			g.Move(d, p["d"])
			g.Move(s.left, s.plain)
			s.down([]neon.R{s.p, d}, func() {
				for k := range lse {
					weigh(k, s.get(s.p, k))
				}
			})
			edge := g.copy(s.bound)
			g.Sub(s.left, s.rows, s.plain)
			s.down([]neon.R{s.p, d}, func() {
				for k := range lse {
					weigh(k, s.seen(s.get(s.p, k), k, edge))
				}
				g.Three(neon.FADD, edge, edge, g.num(1))
			})
		})
}

// scaleRows multiplies each row by a factor of its own.
func (g *vecNEON) scaleRows() {
	const name = "attentionScaleNEON"
	g.Func = g.file.Func(name, "func(rows, cols, ld int, c, f *float32)", name+" multiplies rows by factors, see attentionKernels.")
	ld, rows, cols, c, f := g.bytes("ld"), g.Param("rows"), g.Param("cols"), g.Param("c"), g.Param("f")
	next := g.NewLabel("next")
	g.Label(next)
	factor := g.all(f)
	g.channels(cols, []neon.R{c}, func(at place) { g.out(g.mul(g.in(c, at), factor), c, at) })
	g.Add(c, c, ld)
	g.Add(f, f, 4)
	g.Sub(rows, rows, 1)
	g.BranchZero("CBNZ", rows, next)
	g.Return()
}
