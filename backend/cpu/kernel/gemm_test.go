package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// guard is the number of floats that must stay as they are on both sides of
// every operand under test.
const guard = 64

// A guarded is a slice between margins of NaN.
type guarded struct{ all, s []float32 }

func newGuarded(n int) guarded {
	all := make([]float32, n+2*guard)
	for i := range all {
		all[i] = float32(math.NaN())
	}
	return guarded{all, all[guard : guard+n : guard+n]}
}

func randomGuarded(r *rand.Rand, n int) guarded {
	g := newGuarded(n)
	for i := range g.s {
		g.s[i] = float32(r.NormFloat64())
	}
	return g
}

// check fails if a margin was written.
func (g guarded) check(t *testing.T, name string) {
	t.Helper()
	for i, x := range g.all {
		if (i < guard || i >= len(g.all)-guard) && x == x {
			t.Fatalf("%s was written outside, at element %d of %d", name, i-guard, len(g.s))
		}
	}
}

// near reports whether got is the rounded value of want, whose sum of
// magnitudes is size, within the error of a sum of k float32 products.
func near(got float32, want, size float64, k int) bool {
	return math.Abs(float64(got)-want) <= (float64(k)*0.25+4)*0x1p-23*size
}

// naiveGemm is the product by the formula; sizes are the sums of magnitudes.
func naiveGemm(s GemmSpec, a, b, c []float32) (want, sizes []float64) {
	for q := range s.Batch {
		for i := range s.M {
			for j := range s.N {
				var sum, size float64
				for k := range s.K {
					ai, bi := i*s.LdA+k, k*s.LdB+j
					if s.TransA {
						ai = k*s.LdA + i
					}
					if s.TransB {
						bi = j*s.LdB + k
					}
					p := float64(a[q*s.StrideA+ai]) * float64(b[q*s.StrideB+bi])
					sum += p
					size += math.Abs(p)
				}
				if s.Accumulate {
					old := float64(c[q*s.StrideC+i*s.LdC+j])
					sum += old
					size += math.Abs(old)
				}
				want, sizes = append(want, sum), append(sizes, size)
			}
		}
	}
	return want, sizes
}

// lens returns the floats that the operands of s span.
func (s GemmSpec) lens() (a, b, c int) {
	span := func(rows, cols, ld, stride int) int {
		if rows == 0 || cols == 0 || s.Batch == 0 {
			return 0
		}
		return (s.Batch-1)*stride + (rows-1)*ld + cols
	}
	ra, ca, rb, cb := s.M, s.K, s.K, s.N
	if s.TransA {
		ra, ca = ca, ra
	}
	if s.TransB {
		rb, cb = cb, rb
	}
	return span(ra, ca, s.LdA, s.StrideA), span(rb, cb, s.LdB, s.StrideB), span(s.M, s.N, s.LdC, s.StrideC)
}

// dense returns the spec of one product of operands without gaps.
func dense(m, n, k int, ta, tb bool) GemmSpec {
	s := GemmSpec{Batch: 1, M: m, N: n, K: k, TransA: ta, TransB: tb, LdA: k, LdB: n, LdC: n}
	if ta {
		s.LdA = m
	}
	if tb {
		s.LdB = k
	}
	s.StrideC = m * n
	return s
}

func checkGemm(t *testing.T, set *Set, r *rand.Rand, s GemmSpec) {
	t.Helper()
	la, lb, lc := s.lens()
	a, b, c0 := randomGuarded(r, la), randomGuarded(r, lb), randomGuarded(r, lc)
	want, sizes := naiveGemm(s, a.s, b.s, c0.s)
	var first []float32
	for _, workers := range []int{1, 2, 3, 5, 8} {
		c := newGuarded(lc)
		copy(c.s, c0.s)
		g := NewGemm(set, s, workers)
		scratch := newGuarded(g.Scratch())
		calls := make([]int32, s.Batch*s.M*s.N)
		after := func(worker, batch, r0, r1, c0, c1 int) {
			for i := r0; i < r1; i++ {
				for j := c0; j < c1; j++ {
					calls[(batch*s.M+i)*s.N+j]++
				}
			}
		}
		runPhases(g.Bind(a.s, b.s, c.s, scratch.s, after), workers)
		c.check(t, "C")
		scratch.check(t, "scratch")
		for i, n := range calls {
			if n != 1 {
				t.Fatalf("%+v: the epilogue came %d times to element %d", s, n, i)
			}
		}
		if first == nil {
			first = c.s
			// Elements between the rows of C keep their values.
			inside := make([]bool, lc)
			n := 0
			for q := range s.Batch {
				for i := range s.M {
					for j := range s.N {
						e := q*s.StrideC + i*s.LdC + j
						inside[e] = true
						if !near(c.s[e], want[n], sizes[n], s.K) {
							t.Fatalf("%+v: C[%d][%d %d] is %g, want %g", s, q, i, j, c.s[e], want[n])
						}
						n++
					}
				}
			}
			for e, in := range inside {
				if !in && c.s[e] != c0.s[e] {
					t.Fatalf("%+v: wrote element %d between rows of C", s, e)
				}
			}
			continue
		}
		for i, x := range c.s {
			if math.Float32bits(x) != math.Float32bits(first[i]) {
				t.Fatalf("%+v: element %d depends on the number of workers: %d give %g, one gives %g", s, i, workers, x, first[i])
			}
		}
	}
}

func TestGemmRandom(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 300 {
			most := []int{4, 20, 70, 150}[i%4]
			s := GemmSpec{
				Batch: 1 + r.IntN(3), M: 1 + r.IntN(most), N: 1 + r.IntN(most), K: 1 + r.IntN(2*most),
				TransA: r.IntN(2) == 1, TransB: r.IntN(2) == 1, Accumulate: r.IntN(2) == 1,
			}
			ca, cb := s.K, s.N
			if s.TransA {
				ca = s.M
			}
			if s.TransB {
				cb = s.K
			}
			s.LdA, s.LdB, s.LdC = ca+r.IntN(3), cb+r.IntN(3), s.N+r.IntN(3)
			s.StrideA, s.StrideB, s.StrideC = s.LdA*max(s.M, s.K)*r.IntN(2), s.LdB*max(s.N, s.K)*r.IntN(2), s.LdC*s.M+r.IntN(3)
			checkGemm(t, set, r, s)
		}
	})
}

// TestGemmLarge has products that are cut in every way, with K in one block
// and in several.
func TestGemmLarge(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(3, 4))
		type cutting struct {
			way way
			own bool
		}
		seen := map[cutting]bool{}
		for _, s := range []GemmSpec{
			dense(611, 170, 333, false, false), dense(611, 170, 333, false, true),
			dense(611, 170, 333, true, false), dense(611, 170, 333, true, true),
			dense(1203, 33, 520, false, true), dense(1203, 10, 259, true, false),
			dense(150, 40, 1500, true, true), dense(150, 40, 1500, false, false),
			dense(520, 1040, 256, false, true), dense(260, 520, 1033, true, false),
			dense(300, 700, 260, false, false), dense(1100, 1000, 300, true, true),
			dense(5, 70, 1500, false, true), dense(40, 7, 2100, false, false),
		} {
			g := NewGemm(set, s, 2)
			seen[cutting{g.way, g.bands.own}] = true
			checkGemm(t, set, r, s)
			if testing.Short() && s.M*s.N*s.K > 100<<20 {
				continue
			}
			s.Accumulate, s.Batch = true, 2
			s.StrideA = s.M * s.K
			checkGemm(t, set, r, s)
		}
		if len(seen) < 3 {
			t.Errorf("these products are cut in %d ways", len(seen))
		}
	})
}

// TestGemmAgain runs the phases of a product twice, with other operands in the
// same memory.
func TestGemmAgain(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, s := range []GemmSpec{dense(300, 700, 260, false, false), dense(300, 700, 260, true, true), dense(90, 80, 70, false, true)} {
			la, lb, lc := s.lens()
			a, b, c := randomGuarded(r, la).s, randomGuarded(r, lb).s, make([]float32, lc)
			g := NewGemm(set, s, 2)
			phases := g.Bind(a, b, c, make([]float32, g.Scratch()), nil)
			for range 2 {
				runPhases(phases, 2)
				want := make([]float32, lc)
				one := NewGemm(set, s, 1)
				runPhases(one.Bind(a, b, want, make([]float32, one.Scratch()), nil), 1)
				if !slices.Equal(c, want) {
					t.Fatalf("%+v: the product differs from that of one worker", s)
				}
				copy(a, randomGuarded(r, la).s)
				copy(b, randomGuarded(r, lb).s)
			}
		}
	})
}

// TestGemmTransient gives the epilogue of a transient product the bits that an
// ordinary one leaves in memory.
func TestGemmTransient(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(13, 14))
		passed := false
		for _, s := range []GemmSpec{
			dense(700, 1400, 200, true, false), dense(611, 900, 700, false, true), // by bands
			dense(611, 170, 333, true, false), dense(30, 20, 10, true, false),
		} {
			la, lb, lc := s.lens()
			a, b, want := randomGuarded(r, la), randomGuarded(r, lb), make([]float32, lc)
			g := NewGemm(set, s, 1)
			runPhases(g.Bind(a.s, b.s, want, make([]float32, g.Scratch()), nil), 1)
			s.Transient = true
			for _, workers := range []int{1, 2, 5} {
				g := NewGemm(set, s, workers)
				floats, section, ld, passing := g.SizeC()
				passed = passed || passing
				c, scratch, got := newGuarded(floats), newGuarded(g.Scratch()), make([]float32, lc)
				after := func(worker, batch, r0, r1, c0, c1 int) {
					for i := r0; i < r1; i++ {
						at := batch*s.StrideC + i*s.LdC + c0
						from := at
						if passing {
							from = worker*section + (i-r0)*ld
						}
						copy(got[at:at+c1-c0], c.s[from:])
					}
				}
				runPhases(g.Bind(a.s, b.s, c.s, scratch.s, after), workers)
				c.check(t, "C")
				scratch.check(t, "scratch")
				for i, x := range got {
					if math.Float32bits(x) != math.Float32bits(want[i]) {
						t.Fatalf("%+v: element %d is %g, want %g", s, i, x, want[i])
					}
				}
			}
		}
		if !passed {
			t.Error("no product was transient")
		}
	})
}

// TestGemmParts has operands that exceed the scratch memory of one part.
func TestGemmParts(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	eachSet(t, func(t *testing.T, set *Set) {
		if set.Name == "generic" {
			t.Skip("the plan is the same for every set")
		}
		r := rand.New(rand.NewPCG(5, 6))
		for _, s := range []GemmSpec{dense(161, 33, 70000, false, true), dense(700, 200, 22000, true, true)} {
			la, lb, lc := s.lens()
			a, b, c := randomGuarded(r, la), randomGuarded(r, lb), newGuarded(lc)
			g := NewGemm(set, s, 2)
			runPhases(g.Bind(a.s, b.s, c.s, make([]float32, g.Scratch()), nil), 2)
			c.check(t, "C")
			for range 300 {
				i, j := r.IntN(s.M), r.IntN(s.N)
				var want, size float64
				for k := range s.K {
					ai := i*s.LdA + k
					if s.TransA {
						ai = k*s.LdA + i
					}
					p := float64(a.s[ai]) * float64(b.s[j*s.LdB+k])
					want += p
					size += math.Abs(p)
				}
				if !near(c.s[i*s.LdC+j], want, size/16, s.K) {
					t.Fatalf("%+v: C[%d %d] is %g, want %g", s, i, j, c.s[i*s.LdC+j], want)
				}
			}
		}
	})
}

// TestGemmRows compares a row computed alone, and in small groups, with the
// same row of a large product, bit by bit.
func TestGemmRows(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, k := range []int{1, 7, 64, 300, 784, 1500} {
			for _, tb := range []bool{false, true} {
				const m, n = 160, 50
				s := dense(m, n, k, false, tb)
				a, b := randomGuarded(r, m*k), randomGuarded(r, n*k)
				product := func(s GemmSpec, a []float32) []float32 {
					c := make([]float32, s.M*n)
					g := NewGemm(set, s, 2)
					runPhases(g.Bind(a, b.s, c, make([]float32, g.Scratch()), nil), 2)
					return c
				}
				want := product(s, a.s)
				for _, rows := range []int{1, 2, 3, 8, 13, 40} {
					s.M = rows
					for i := 0; i+rows <= m; i += 37 {
						got := product(s, a.s[i*k:])
						for e, x := range got {
							if math.Float32bits(x) != math.Float32bits(want[i*n+e]) {
								t.Fatalf("K %d, transposed B %v: row %d of %d computed %d at a time differs", k, tb, i+e/n, m, rows)
							}
						}
					}
				}
			}
		}
	})
}

// TestGemmPackedB checks that a B packed once gives the bits of one that is
// packed, or read in place, every time.
func TestGemmPackedB(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(17, 18))
		ways := map[way]bool{}
		for _, size := range [][3]int{{1, 33, 1500}, {40, 300, 64}, {120, 70, 130}, {49, 100, 2100}, {520, 1030, 512}} {
			for _, tb := range []bool{false, true} {
				s := dense(size[0], size[1], size[2], false, tb)
				a, b := randomGuarded(r, s.M*s.K), randomGuarded(r, s.N*s.K)
				want, got := make([]float32, s.M*s.N), newGuarded(s.M*s.N)
				g := NewGemm(set, s, 2)
				runPhases(g.Bind(a.s, b.s, want, make([]float32, g.Scratch()), nil), 2)

				s.PackedB = true
				g = NewGemm(set, s, 2)
				ways[g.way] = true
				packed, scratch := newGuarded(g.PackedSize()), newGuarded(g.Scratch())
				runPhases(g.PackB(b.s, packed.s), 2)
				seen := make([]int, s.M*s.N)
				after := func(_, _, r0, r1, c0, c1 int) {
					for i := r0; i < r1; i++ {
						for j := c0; j < c1; j++ {
							seen[i*s.N+j]++
						}
					}
				}
				runPhases(g.Bind(a.s, packed.s, got.s, scratch.s, after), 1)
				got.check(t, "C")
				packed.check(t, "packed B")
				scratch.check(t, "scratch")
				for i, x := range got.s {
					if math.Float32bits(x) != math.Float32bits(want[i]) || seen[i] != 1 {
						t.Fatalf("%v, transposed B %v: element %d is %g in %d regions, want %g in one", size, tb, i, x, seen[i], want[i])
					}
				}
			}
		}
		if len(ways) != 2 {
			t.Errorf("the sizes are cut in %d ways, want both", len(ways))
		}
	})
}

func TestGemmEmpty(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for _, s := range []GemmSpec{dense(0, 3, 4, false, false), dense(3, 0, 4, false, true), dense(3, 5, 0, true, false)} {
			checkGemm(t, set, rand.New(rand.NewPCG(9, 10)), s)
		}
	})
}

func TestGemmAllocations(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for _, s := range []GemmSpec{dense(40, 40, 40, false, true), dense(700, 200, 300, true, true)} {
			la, lb, lc := s.lens()
			g := NewGemm(set, s, 2)
			phases := g.Bind(make([]float32, la), make([]float32, lb), make([]float32, lc), make([]float32, g.Scratch()), nil)
			if n := testing.AllocsPerRun(3, func() { runPhases(phases, 1) }); n != 0 {
				t.Errorf("%dx%dx%d: %v allocations a run", s.M, s.N, s.K, n)
			}
		}
	})
}

func BenchmarkGemm(b *testing.B) {
	for _, c := range []struct {
		name string
		spec GemmSpec
	}{
		{"2048^3", dense(2048, 2048, 2048, false, false)},
		{"2048^3 TN", dense(2048, 2048, 2048, true, false)},
		{"1024^3", dense(1024, 1024, 1024, false, false)},
		{"1024^3 NT", dense(1024, 1024, 1024, false, true)},
		{"1024^3 TN", dense(1024, 1024, 1024, true, false)},
		{"512^3", dense(512, 512, 512, false, false)},
		{"256^3", dense(256, 256, 256, false, false)},
		{"128^3", dense(128, 128, 128, false, false)},
		{"64^3", dense(64, 64, 64, false, false)},
		{"mlp1 y 64x128x784", dense(64, 128, 784, false, true)},
		{"mlp1 dw 128x784x64", dense(128, 784, 64, true, false)},
		{"mlp2 y 64x10x128", dense(64, 10, 128, false, true)},
		{"mlp2 dx 64x128x10", dense(64, 128, 10, false, false)},
		{"mlp2 dw 10x128x64", dense(10, 128, 64, true, false)},
		{"linear y 64x512x1024", dense(64, 512, 1024, false, true)},
		{"linear dx 64x1024x512", dense(64, 1024, 512, false, false)},
		{"linear dw 512x1024x64", dense(512, 1024, 64, true, false)},
		{"block y 1024x1024x256", dense(1024, 1024, 256, false, true)},
		{"block dx 1024x256x1024", dense(1024, 256, 1024, false, false)},
		{"block dw 1024x256x1024", dense(1024, 256, 1024, true, false)},
		{"tall 2048x1024x128", dense(2048, 1024, 128, false, false)},
		{"row 1x1024x1024", dense(1, 1024, 1024, false, true)},
	} {
		for _, set := range Sets() {
			if !set.Available {
				continue
			}
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%s/%d", c.name, set.Name, workers), func(b *testing.B) {
					la, lb, lc := c.spec.lens()
					r := rand.New(rand.NewPCG(1, 1))
					x, y, z := randomGuarded(r, la), randomGuarded(r, lb), newGuarded(lc)
					g := NewGemm(set, c.spec, workers)
					phases := g.Bind(x.s, y.s, z.s, make([]float32, g.Scratch()), nil)
					measure(b, workers, phases, 2*float64(c.spec.M)*float64(c.spec.N)*float64(c.spec.K))
				})
			}
		}
	}
}

// BenchmarkGemmFar has products as a net has them: their operands come from far
// away, for 96 MB of them are used in turn. Of-peak holds the median of the rate
// against multiply-adds in registers, measured between the products.
func BenchmarkGemmFar(b *testing.B) {
	packed := func(m, n, k int) GemmSpec {
		s := dense(m, n, k, false, true)
		s.PackedB = true
		return s
	}
	for _, c := range []struct {
		name string
		spec GemmSpec
	}{
		{"1024^3", dense(1024, 1024, 1024, false, false)},
		{"512^3", dense(512, 512, 512, false, false)},
		{"block y 1024x1024x256", dense(1024, 1024, 256, false, false)},
		{"block y 1024x256x1024", dense(1024, 256, 1024, false, false)},
		{"block dw 768x256x1024", dense(768, 256, 1024, true, false)},
		{"block dw 512x2048x1024", dense(512, 2048, 1024, true, false)},
		{"wide y 256x4096x4096", dense(256, 4096, 4096, false, true)},
		{"wide dw 4096x4096x256", dense(4096, 4096, 256, true, false)},
		{"bert y 128x768x768", dense(128, 768, 768, false, true)},
		{"bert y 128x768x3072", dense(128, 768, 3072, false, true)},
		{"conv y 49x512x2048", packed(49, 512, 2048)},
		{"conv y 784x128x512", packed(784, 128, 512)},
		{"conv y 3136x64x256", packed(3136, 64, 256)},
	} {
		for _, set := range Sets() {
			if !set.Available {
				continue
			}
			b.Run(c.name+"/"+set.Name, func(b *testing.B) {
				g := NewGemm(set, c.spec, 1)
				la, lb, lc := c.spec.lens()
				if c.spec.PackedB {
					lb = g.PackedSize()
				}
				r, scratch := rand.New(rand.NewPCG(1, 1)), make([]float32, g.Scratch())
				turns := make([][]Phase, max(1, 96<<20/floatBytes/(la+lb+lc)))
				for i := range turns {
					x, y, z := randomGuarded(r, la), randomGuarded(r, lb), newGuarded(lc)
					turns[i] = g.Bind(x.s, y.s, z.s, scratch, nil)
				}
				var shares []float64
				for i := 0; b.Loop(); i++ {
					start := time.Now()
					runPhases(turns[i%len(turns)], 1)
					product := time.Since(start)
					start = time.Now()
					sums := set.Peak(8 * maxSteps)
					peak := float64(sums) / float64(time.Since(start))
					shares = append(shares, float64(c.spec.M)*float64(c.spec.N)*float64(c.spec.K)/float64(product)/peak)
				}
				slices.Sort(shares)
				b.ReportMetric(shares[len(shares)/2], "of-peak")
			})
		}
	}
}
