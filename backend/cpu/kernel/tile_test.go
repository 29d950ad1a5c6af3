package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestTile compares every size of block with the sum by the formula, with
// several segments, blocks and strides: any, the steps of A side by side, and
// the rows of A side by side.
func TestTile(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(21, 22))
		tile := &set.Tile
		for m := 1; m <= tile.Rows; m++ {
			for n := 1; n <= tile.Cols; n++ {
				for form := range 3 {
					k, nseg, reps, acc := 1+r.IntN(11), 1+r.IntN(3), 1+r.IntN(3), r.IntN(2)
					// A [reps m][nseg][k] or [nseg][k][reps m], with gaps;
					// B [nseg][k][n]; C [reps m][n].
					csa, rsb, ldc := 1+r.IntN(2), n+r.IntN(3), n+r.IntN(3)
					switch form {
					case 1:
						csa = 1
					case 2:
						csa = reps*m + r.IntN(3)
					}
					sega := k*csa + r.IntN(3)
					rsa := nseg*sega + r.IntN(3)
					if form == 2 {
						rsa = 1
					}
					segb := k * rsb
					a := randomGuarded(r, (reps*m-1)*rsa+(nseg-1)*sega+(k-1)*csa+1)
					b := randomGuarded(r, (nseg*k-1)*rsb+n)
					c := randomGuarded(r, (reps*m-1)*ldc+n)
					old := append([]float32(nil), c.s...)
					s := &seg{
						a: at(a.s, 0), b: at(b.s, 0), c: at(c.s, 0),
						rsa: rsa * floatBytes, csa: csa * floatBytes, sega: sega * floatBytes,
						rsb: rsb * floatBytes, segb: segb * floatBytes, ldc: ldc * floatBytes,
						k: k, nseg: nseg, acc: acc, stepA: m * rsa * floatBytes, stepC: m * ldc * floatBytes,
					}
					tile.blocks(m, n, reps, s)
					c.check(t, "C")
					for i := range reps * m {
						for j := range ldc {
							e := i*ldc + j
							if e >= len(c.s) {
								break
							}
							if j >= n {
								if c.s[e] != old[e] {
									t.Fatalf("%dx%d: wrote between rows, at [%d %d]", m, n, i, j)
								}
								continue
							}
							var want sum64
							want.add(float64(acc) * float64(old[e]))
							for g := range nseg {
								for p := range k {
									want.add(float64(a.s[i*rsa+g*sega+p*csa]) * float64(b.s[g*segb+p*rsb+j]))
								}
							}
							if !near(c.s[e], want.value, want.size, want.n) {
								t.Fatalf("%dx%d, form %d, k %d, %d segments, %d blocks: C[%d %d] is %g, want %g", m, n, form, k, nseg, reps, i, j, c.s[e], want.value)
							}
						}
					}
				}
			}
		}
	})
}

// TestTileMoves checks transpose, split and add against the formula.
func TestTileMoves(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(23, 24))
		tile := &set.Tile
		for rows := 1; rows <= 35; rows++ {
			for cols := 1; cols <= 41; cols++ {
				lds := cols + r.IntN(3)
				src := randomGuarded(r, (rows-1)*lds+cols)
				ldd := rows + r.IntN(3)
				flipped := newGuarded((cols-1)*ldd + rows)
				tile.transpose(flipped.s, ldd, src.s, lds, rows, cols)
				flipped.check(t, "transpose")
				for i := range rows {
					for j := range cols {
						if flipped.s[j*ldd+i] != src.s[i*lds+j] {
							t.Fatalf("transpose of %dx%d at [%d %d]", rows, cols, i, j)
						}
					}
				}
				for g, f := range flipped.s {
					if g%ldd >= rows && f == f {
						t.Fatalf("transpose of %dx%d wrote between rows", rows, cols)
					}
				}
				for _, width := range []int{tile.Rows, tile.Cols} {
					panel := rows*width + r.IntN(3)
					place := func(i, j int) int { return j/width*panel + i*width + j%width }
					panels := newGuarded(place(rows-1, cols-1) + 1)
					tile.split(panels.s, width, panel, src.s, lds, rows, cols)
					panels.check(t, "split")
					written := 0
					for i := range rows {
						for j := range cols {
							if panels.s[place(i, j)] != src.s[i*lds+j] {
								t.Fatalf("split of %dx%d by %d at [%d %d]", rows, cols, width, i, j)
							}
							written++
						}
					}
					for _, f := range panels.s {
						if f == f {
							written--
						}
					}
					if written != 0 {
						t.Fatalf("split of %dx%d by %d wrote between panels", rows, cols, width)
					}
				}
			}
		}
		for n := range 131 {
			a, b := randomGuarded(r, n), randomGuarded(r, n)
			old := append([]float32(nil), a.s...)
			tile.add(a.s, b.s)
			a.check(t, "add")
			for i := range n {
				if a.s[i] != old[i]+b.s[i] {
					t.Fatalf("add of %d at %d", n, i)
				}
			}
		}
	})
}

// fencedRandom returns a fenced operand of random values.
func fencedRandom(t *testing.T, r *rand.Rand, n int, atStart bool) []float32 {
	s := fenced[float32](t, n, atStart)
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
	return s
}

// TestFenced runs products whose operands lie against unmapped pages, and
// compares them with the same from ordinary memory.
func TestFenced(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(25, 26))
		run := func(la, lb, lc int, bind func(a, b, c []float32) []Phase) {
			t.Helper()
			for _, atStart := range []bool{false, true} {
				a, b, c := fencedRandom(t, r, la, atStart), fencedRandom(t, r, lb, atStart), fencedRandom(t, r, lc, atStart)
				want := append([]float32(nil), c...)
				runPhases(bind(append([]float32(nil), a...), append([]float32(nil), b...), want), 1)
				runPhases(bind(a, b, c), 1)
				for i := range c {
					if math.Float32bits(c[i]) != math.Float32bits(want[i]) {
						t.Fatalf("element %d is %g, with ordinary memory %g", i, c[i], want[i])
					}
				}
			}
		}
		for i := range 40 {
			s := dense(1+r.IntN(70), 1+r.IntN(70), 1+r.IntN(50), i&1 != 0, i&2 != 0)
			s.Accumulate = i&4 != 0
			la, lb, lc := s.lens()
			g := NewGemm(set, s, 1)
			run(la, lb, lc, func(a, b, c []float32) []Phase { return g.Bind(a, b, c, make([]float32, g.Scratch()), nil) })
		}
		for range 30 {
			k := 1 + r.IntN(4)
			s := conv2d(1+r.IntN(2), k+r.IntN(12), 1+r.IntN(5), 1+r.IntN(40), k, 1+r.IntN(2), r.IntN(3))
			lx, lw, ly := s.lens()
			f, i, w := NewConv(set, s, 1), NewConvInput(set, s, 1), NewConvWeight(set, s, 1)
			run(lx, lw, ly, func(x, w, y []float32) []Phase { return f.Bind(x, w, y, make([]float32, f.Scratch()), nil) })
			run(ly, lw, lx, func(dy, w, dx []float32) []Phase { return i.Bind(dy, w, dx, make([]float32, i.Scratch()), nil) })
			run(lx, ly, lw, func(x, dy, dw []float32) []Phase { return w.Bind(x, dy, dw, make([]float32, w.Scratch())) })
		}
	})
}
