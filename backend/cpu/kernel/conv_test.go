package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// newConvSpec completes a spec with its output sizes.
func newConvSpec(n, c, o, groups int, in, kernel, stride, lo, hi, dilation [3]int) ConvSpec {
	s := ConvSpec{N: n, C: c, O: o, Groups: groups, In: in, Kernel: kernel, Stride: stride, PadLo: lo, PadHi: hi, Dilation: dilation}
	for d := range 3 {
		s.Out[d] = (in[d]+lo[d]+hi[d]-dilation[d]*(kernel[d]-1)-1)/stride[d] + 1
	}
	return s
}

// conv2d is a spec of square images.
func conv2d(n, size, c, o, kernel, stride, pad int) ConvSpec {
	one := [3]int{1, 1, 1}
	return newConvSpec(n, c, o, 1, [3]int{1, size, size}, [3]int{1, kernel, kernel}, [3]int{1, stride, stride},
		[3]int{0, pad, pad}, [3]int{0, pad, pad}, one)
}

func (s *ConvSpec) lens() (x, w, y int) {
	return s.N * s.In[0] * s.In[1] * s.In[2] * s.C, s.O * s.C / s.Groups * s.taps(), s.N * s.Out[0] * s.Out[1] * s.Out[2] * s.O
}

// eachProduct visits every product x[i] * weight[j] that enters y[k].
func (s *ConvSpec) eachProduct(visit func(i, j, k int)) {
	in, out := s.C/s.Groups, s.O/s.Groups
	k := 0
	for n := range s.N {
		for p0 := range s.Out[0] {
			for p1 := range s.Out[1] {
				for p2 := range s.Out[2] {
					for o := range s.O {
						for c := range in {
							t := 0
							for k0 := range s.Kernel[0] {
								for k1 := range s.Kernel[1] {
									for k2 := range s.Kernel[2] {
										i0 := p0*s.Stride[0] - s.PadLo[0] + k0*s.Dilation[0]
										i1 := p1*s.Stride[1] - s.PadLo[1] + k1*s.Dilation[1]
										i2 := p2*s.Stride[2] - s.PadLo[2] + k2*s.Dilation[2]
										if i0 >= 0 && i0 < s.In[0] && i1 >= 0 && i1 < s.In[1] && i2 >= 0 && i2 < s.In[2] {
											pixel := ((n*s.In[0]+i0)*s.In[1]+i1)*s.In[2] + i2
											visit(pixel*s.C+o/out*in+c, (o*in+c)*s.taps()+t, k)
										}
										t++
									}
								}
							}
						}
						k++
					}
				}
			}
		}
	}
}

// A sum64 is a sum of products and of their magnitudes.
type sum64 struct {
	value, size float64
	n           int
}

func (s *sum64) add(p float64) {
	s.value += p
	s.size += math.Abs(p)
	s.n++
}

// checkConv compares the three products of a spec with loops in float64, and
// the bits for several numbers of workers.
func checkConv(t *testing.T, set *Set, r *rand.Rand, s ConvSpec) {
	t.Helper()
	checkConvWithin(t, set, r, s, func(_ string, got float32, want sum64, _ float64) bool {
		return near(got, want.value, want.size, want.n)
	})
}

// checkConvWithin is checkConv with a bound on the error; it is given the
// largest of the sums of magnitudes too.
func checkConvWithin(t *testing.T, set *Set, r *rand.Rand, s ConvSpec, within func(name string, got float32, want sum64, largest float64) bool) {
	t.Helper()
	lx, lw, ly := s.lens()
	x, w, dy := randomGuarded(r, lx), randomGuarded(r, lw), randomGuarded(r, ly)
	wantY, wantX, wantW := make([]sum64, ly), make([]sum64, lx), make([]sum64, lw)
	s.eachProduct(func(i, j, k int) {
		wantY[k].add(float64(x.s[i]) * float64(w.s[j]))
		wantX[i].add(float64(dy.s[k]) * float64(w.s[j]))
		wantW[j].add(float64(x.s[i]) * float64(dy.s[k]))
	})
	compare := func(name string, want []sum64, columns int, plan func(workers int) (int, func(out, scratch []float32, after Epilogue) []Phase)) {
		t.Helper()
		var first []float32
		for _, workers := range []int{1, 2, 3, 5, 8} {
			out := newGuarded(len(want))
			size, bind := plan(workers)
			scratch := newGuarded(size)
			calls := make([]int32, len(want))
			phases := bind(out.s, scratch.s, func(_, batch, r0, r1, c0, c1 int) {
				for i := r0; i < r1; i++ {
					for j := c0; j < c1; j++ {
						calls[i*columns+j]++
					}
				}
			})
			runPhases(phases, workers)
			out.check(t, name)
			scratch.check(t, "scratch")
			if first == nil {
				first = out.s
				largest := 0.0
				for _, w := range want {
					largest = max(largest, w.size)
				}
				for i, g := range out.s {
					if !within(name, g, want[i], largest) {
						t.Fatalf("%s of %+v: element %d is %g, want %g", name, s, i, g, want[i].value)
					}
				}
			}
			for i, g := range out.s {
				if math.Float32bits(g) != math.Float32bits(first[i]) {
					t.Fatalf("%s of %+v: element %d depends on the number of workers: %d give %g, one gives %g", name, s, i, workers, g, first[i])
				}
				if name != "dw" && calls[i] != 1 {
					t.Fatalf("%s of %+v: the epilogue came %d times to element %d", name, s, calls[i], i)
				}
			}
		}
	}
	compare("y", wantY, s.O, func(workers int) (int, func(out, scratch []float32, after Epilogue) []Phase) {
		c := NewConv(set, s, workers)
		return c.Scratch(), func(out, scratch []float32, after Epilogue) []Phase { return c.Bind(x.s, w.s, out, scratch, after) }
	})
	compare("dx", wantX, s.C, func(workers int) (int, func(out, scratch []float32, after Epilogue) []Phase) {
		c := NewConvInput(set, s, workers)
		return c.Scratch(), func(out, scratch []float32, after Epilogue) []Phase {
			return c.Bind(dy.s, w.s, out, scratch, after)
		}
	})
	compare("dw", wantW, 1, func(workers int) (int, func(out, scratch []float32, after Epilogue) []Phase) {
		c := NewConvWeight(set, s, workers)
		return c.Scratch(), func(out, scratch []float32, after Epilogue) []Phase { return c.Bind(x.s, dy.s, out, scratch) }
	})
}

func TestConvRandom(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(11, 12))
		for i := 0; i < 250; {
			groups := []int{1, 1, 1, 2, 3}[r.IntN(5)]
			c, o := groups*(1+r.IntN(7)), groups*(1+r.IntN(12))
			if r.IntN(8) == 0 {
				groups, o = c, c*(1+r.IntN(2)) // depthwise
			}
			if r.IntN(8) == 0 {
				o = groups * (1 + r.IntN(50))
			}
			rank := 1 + r.IntN(3)
			in, kernel, stride, dilation := [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{1, 1, 1}
			var lo, hi [3]int
			ok := true
			for d := 3 - rank; d < 3; d++ {
				in[d] = 1 + r.IntN([]int{6, 20, 70}[3-rank])
				kernel[d] = 1 + r.IntN(4)
				stride[d] = 1 + r.IntN(3)
				dilation[d] = 1 + r.IntN(3)
				if r.IntN(2) == 0 {
					stride[d], dilation[d] = 1, 1
				}
				lo[d], hi[d] = r.IntN(4), r.IntN(4)
				ok = ok && in[d]+lo[d]+hi[d]-dilation[d]*(kernel[d]-1)-1 >= 0
			}
			if !ok {
				continue
			}
			i++
			checkConv(t, set, r, newConvSpec(1+r.IntN(3), c, o, groups, in, kernel, stride, lo, hi, dilation))
		}
	})
}

// TestConvLayers has the shapes of usual layers, with fewer images.
func TestConvLayers(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(13, 14))
		for _, s := range []ConvSpec{
			conv2d(5, 28, 1, 32, 5, 1, 0),
			conv2d(5, 12, 32, 64, 5, 1, 0),
			conv2d(2, 32, 3, 16, 3, 1, 1),
			conv2d(2, 32, 16, 16, 3, 1, 1),
			conv2d(2, 32, 16, 32, 3, 2, 1),
			conv2d(2, 32, 16, 32, 1, 2, 0),
			conv2d(3, 8, 64, 64, 3, 1, 1),
			conv2d(3, 8, 64, 40, 1, 1, 0),
			conv2d(2, 9, 6, 5, 1, 10, 0),
			conv2d(2, 40, 6, 20, 1, 1, 0),
			conv2d(2, 5, 6, 20, 1, 1, 2),
			conv2d(1, 65, 3, 20, 7, 2, 3),
			conv2d(1, 9, 130, 33, 3, 1, 2),
			conv2d(2, 4, 130, 140, 3, 1, 1), // cut by panels
			newConvSpec(1, 150, 210, 3, [3]int{1, 3, 3}, [3]int{1, 3, 3}, [3]int{1, 1, 1}, [3]int{0, 1, 1}, [3]int{0, 1, 1}, [3]int{1, 1, 1}),
		} {
			checkConv(t, set, r, s)
		}
	})
}

// TestDepthwise has a group for each channel: vectors, their rests and edges.
func TestDepthwise(t *testing.T) {
	one := [3]int{1, 1, 1}
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(21, 22))
		square := func(n, c, size, kernel, stride, pad, dilation int) ConvSpec {
			return newConvSpec(n, c, c, c, [3]int{1, size, size}, [3]int{1, kernel, kernel}, [3]int{1, stride, stride},
				[3]int{0, pad, pad}, [3]int{0, pad, pad}, [3]int{1, dilation, dilation})
		}
		for _, c := range []int{2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 70} {
			checkConv(t, set, r, square(2, c, 9, 3, 1, 1, 1))
			checkConv(t, set, r, square(1, c, 10, 3, 2, 1, 1))
			checkConv(t, set, r, newConvSpec(2, c, c, c, [3]int{1, 1, 21}, [3]int{1, 1, 5}, one, [3]int{0, 0, 4}, [3]int{}, one))
		}
		for _, s := range []ConvSpec{
			square(1, 5, 12, 5, 3, 3, 2),
			square(3, 4, 3, 2, 1, 2, 1), // results of nothing but padding
			square(1, 20, 1, 1, 1, 0, 1),
			square(4, 12, 30, 7, 1, 3, 1),
			square(1, 1100, 5, 3, 1, 1, 1),
			newConvSpec(2, 6, 6, 6, [3]int{4, 5, 6}, [3]int{2, 3, 2}, [3]int{2, 1, 3}, [3]int{1, 0, 1}, [3]int{0, 1, 1}, [3]int{1, 2, 1}),
			newConvSpec(1, 40, 40, 40, [3]int{1, 1, 3000}, [3]int{1, 1, 31}, one, [3]int{0, 0, 15}, [3]int{0, 0, 15}, one),
			square(0, 4, 5, 3, 1, 1, 1),
		} {
			checkConv(t, set, r, s)
		}
	})
}

// TestConvNarrow has one or two channels on one side and many on the other.
func TestConvNarrow(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(23, 24))
		for _, many := range []int{15, 16, 17, 33, 64} {
			for few := 1; few <= 3; few++ {
				checkConv(t, set, r, conv2d(2, 9, many, few, 3, 1, 1))
				checkConv(t, set, r, conv2d(2, 10, few, many, 4, 2, 1))
				checkConv(t, set, r, conv2d(1, 6, many, few, 1, 1, 0))
			}
		}
		checkConv(t, set, r, conv2d(1, 3, 20, 1, 2, 1, 3)) // results of nothing but padding
		checkConv(t, set, r, newConvSpec(1, 1100, 2, 1, [3]int{1, 1, 70}, [3]int{1, 1, 31}, [3]int{1, 1, 1}, [3]int{}, [3]int{0, 0, 15}, [3]int{1, 1, 2}))
		checkConv(t, set, r, newConvSpec(2, 1, 18, 1, [3]int{4, 5, 6}, [3]int{2, 3, 2}, [3]int{2, 1, 3}, [3]int{1, 0, 1}, [3]int{0, 1, 1}, [3]int{1, 2, 1}))
	})
}

// TestConvChannels has so many channels that the gradient by the weight is a
// product for each tap, and images so small that y and dx are products.
func TestConvChannels(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(25, 26))
		for _, s := range []ConvSpec{
			conv2d(2, 7, 128, 131, 1, 1, 0),
			conv2d(3, 5, 130, 160, 1, 2, 0),
			conv2d(2, 9, 128, 129, 3, 2, 1),
			newConvSpec(1, 131, 140, 1, [3]int{4, 3, 5}, [3]int{2, 1, 2}, [3]int{2, 1, 3}, [3]int{1, 0, 2}, [3]int{0, 1, 1}, [3]int{1, 2, 2}),
		} {
			if newTapProducts(set, s, 2) == nil {
				t.Errorf("%+v has no products", s)
			}
			checkConv(t, set, r, s)
		}
	})
}

// TestConvBatch checks that an image alone gives the bits that it gives
// within a batch.
func TestConvBatch(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(15, 16))
		for _, many := range []ConvSpec{conv2d(9, 13, 5, 17, 3, 1, 1), conv2d(200, 4, 96, 96, 3, 1, 1), conv2d(9, 7, 65, 33, 1, 1, 0)} {
			one := many
			one.N = 1
			lx, lw, ly := many.lens()
			x, w := randomGuarded(r, lx), randomGuarded(r, lw)
			run := func(s ConvSpec, x []float32, n int) []float32 {
				y := make([]float32, n)
				c := NewConv(set, s, 2)
				runPhases(c.Bind(x, w.s, y, make([]float32, c.Scratch()), nil), 2)
				return y
			}
			all := run(many, x.s, ly)
			for i := range many.N {
				for e, g := range run(one, x.s[i*lx/many.N:][:lx/many.N], ly/many.N) {
					if g != all[i*ly/many.N+e] {
						t.Fatalf("image %d: element %d is %g alone, %g in the batch", i, e, g, all[i*ly/many.N+e])
					}
				}
			}
		}
	})
}

// TestPackedConv checks that a weight packed once gives the bits of one that is
// packed every time, for images alone and in batches.
func TestPackedConv(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		set = anyChannels(set)
		r := rand.New(rand.NewPCG(19, 20))
		for _, s := range []ConvSpec{
			conv2d(1, 28, 40, 70, 1, 1, 0), conv2d(3, 17, 65, 33, 1, 1, 0), conv2d(2, 7, 96, 130, 1, 1, 0),
			conv2d(1, 18, 1100, 40, 1, 1, 0), conv2d(1, 3, 1100, 40, 1, 1, 0), conv2d(2, 9, 24, 40, 1, 2, 0), conv2d(2, 9, 5, 19, 3, 2, 1),
			conv2d(2, 16, 32, 48, 3, 1, 1), conv2d(1, 7, 144, 112, 3, 1, 1), conv2d(9, 8, 80, 112, 3, 1, 1),
			conv2d(1, 12, 32, 64, 5, 1, 0), conv2d(7, 12, 64, 48, 5, 1, 2), conv2d(1, 9, 96, 112, 5, 1, 2),
		} {
			lx, lw, ly := s.lens()
			x, w := randomGuarded(r, lx), randomGuarded(r, lw)
			want, got := make([]float32, ly), newGuarded(ly)
			c, p := NewConv(set, s, 2), NewPackedConv(set, s, 2)
			runPhases(c.Bind(x.s, w.s, want, make([]float32, c.Scratch()), nil), 2)
			packed, scratch := make([]float32, p.Packed()), newGuarded(p.Scratch())
			runPhases(p.BindWeight(w.s, packed, scratch.s), 2)
			runPhases(p.Bind(x.s, packed, got.s, scratch.s, nil), 2)
			got.check(t, "y")
			scratch.check(t, "scratch")
			for i, v := range got.s {
				if math.Float32bits(v) != math.Float32bits(want[i]) {
					t.Fatalf("%+v: element %d is %g, want %g", s, i, v, want[i])
				}
			}
		}
	})
}

// TestGathered checks convolutions with strides as products of gathered pixels:
// against the sum of their formula, image by image, and with any number of
// workers.
func TestGathered(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(21, 22))
		for _, s := range []ConvSpec{
			conv2d(25, 5, 96, 70, 3, 2, 1), conv2d(1, 6, 130, 33, 1, 2, 0), conv2d(2, 8, 97, 100, 5, 3, 2),
			newConvSpec(7, 101, 40, 1, [3]int{4, 3, 5}, [3]int{2, 1, 3}, [3]int{2, 1, 3}, [3]int{1, 0, 2}, [3]int{0, 1, 1}, [3]int{1, 2, 2}),
		} {
			lx, lw, ly := s.lens()
			x, w := randomGuarded(r, lx), randomGuarded(r, lw)
			run := func(s ConvSpec, x []float32, workers int) []float32 {
				_, _, ly := s.lens()
				p := NewPackedConv(set, s, workers)
				if _, ok := p.(*gatheredConv); !ok {
					t.Fatalf("%+v is not gathered", s)
				}
				y, packed, scratch := newGuarded(ly), newGuarded(p.Packed()), newGuarded(p.Scratch())
				seen := make([]int, ly)
				runPhases(p.BindWeight(w.s, packed.s, scratch.s), workers)
				phases := p.Bind(x, packed.s, y.s, scratch.s, func(_, _, r0, r1, c0, c1 int) {
					for i := r0; i < r1; i++ {
						for j := c0; j < c1; j++ {
							seen[i*s.O+j]++
						}
					}
				})
				runPhases(phases, workers)
				y.check(t, "y")
				packed.check(t, "packed weight")
				scratch.check(t, "scratch")
				for i, n := range seen {
					if n != 1 {
						t.Fatalf("%+v: the epilogue sees element %d %d times", s, i, n)
					}
				}
				return y.s
			}
			same := func(got, want []float32, what string) {
				for i, v := range got {
					if math.Float32bits(v) != math.Float32bits(want[i]) {
						t.Fatalf("%+v: %s: element %d is %g, want %g", s, what, i, v, want[i])
					}
				}
			}
			y := run(s, x.s, 1)
			sums := make([]sum64, ly)
			s.eachProduct(func(i, j, k int) { sums[k].add(float64(x.s[i]) * float64(w.s[j])) })
			for i, v := range y {
				if !near(v, sums[i].value, sums[i].size, sums[i].n) {
					t.Fatalf("%+v: element %d is %g, want %g", s, i, v, sums[i].value)
				}
			}
			same(run(s, x.s, 3), y, "three workers")
			one := s
			one.N = 1
			for i := range s.N {
				same(run(one, x.s[i*lx/s.N:][:lx/s.N], 2), y[i*ly/s.N:][:ly/s.N], fmt.Sprint("image ", i, " alone"))
			}
		}
	})
}

// BenchmarkPackedConv has layers of a forward pass. As there, a weight comes from
// afar: a run goes over 100 MB of weights.
func BenchmarkPackedConv(b *testing.B) {
	const floats = 25e6
	for _, c := range []struct {
		name string
		spec ConvSpec
	}{
		{"12x12x32 64 5x5", conv2d(1, 12, 32, 64, 5, 1, 0)},
		{"56x56x64 64", conv2d(1, 56, 64, 64, 3, 1, 1)},
		{"28x28x128 128", conv2d(1, 28, 128, 128, 3, 1, 1)},
		{"14x14x256 256", conv2d(1, 14, 256, 256, 3, 1, 1)},
		{"7x7x512 512", conv2d(1, 7, 512, 512, 3, 1, 1)},
		{"56x56x128 128 s2", conv2d(1, 56, 128, 128, 3, 2, 1)},
		{"28x28x256 256 s2", conv2d(1, 28, 256, 256, 3, 2, 1)},
		{"14x14x512 512 s2", conv2d(1, 14, 512, 512, 3, 2, 1)},
		{"56x56x256 512 1x1 s2", conv2d(1, 56, 256, 512, 1, 2, 0)},
		{"28x28x512 1024 1x1 s2", conv2d(1, 28, 512, 1024, 1, 2, 0)},
		{"14x14x1024 2048 1x1 s2", conv2d(1, 14, 1024, 2048, 1, 2, 0)},
	} {
		for _, set := range Sets() {
			if !set.Available || set.Name == "generic" {
				continue
			}
			for _, images := range []int{1, 8} {
				b.Run(fmt.Sprintf("%dx%s/%s", images, c.name, set.Name), func(b *testing.B) {
					s := c.spec
					s.N = images
					lx, lw, ly := s.lens()
					r := rand.New(rand.NewPCG(1, 1))
					x, w, y := randomGuarded(r, lx).s, randomGuarded(r, lw).s, make([]float32, ly)
					p := NewPackedConv(set, s, 1)
					scratch := make([]float32, p.Scratch())
					var phases []Phase
					copies := ceil(floats, p.Packed())
					for range copies {
						packed := make([]float32, p.Packed())
						runPhases(p.BindWeight(w, packed, scratch), 1)
						phases = append(phases, p.Bind(x, packed, y, scratch, nil)...)
					}
					best := math.Inf(1)
					for b.Loop() {
						start := time.Now()
						runPhases(phases, 1)
						best = min(best, time.Since(start).Seconds()/float64(copies))
					}
					b.ReportMetric(1e6*best, "us-best")
					b.ReportMetric(2e-9*float64(ly)*float64(lw/s.O)/best, "GFLOP/s-best")
				})
			}
		}
	}
}

func TestConvAllocations(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		s := conv2d(4, 16, 8, 24, 3, 2, 1)
		lx, lw, ly := s.lens()
		x, w, y := make([]float32, lx), make([]float32, lw), make([]float32, ly)
		c, i, g := NewConv(set, s, 2), NewConvInput(set, s, 2), NewConvWeight(set, s, 2)
		phases := c.Bind(x, w, y, make([]float32, c.Scratch()), nil)
		phases = append(phases, i.Bind(y, w, x, make([]float32, i.Scratch()), nil)...)
		phases = append(phases, g.Bind(x, y, w, make([]float32, g.Scratch()))...)
		if n := testing.AllocsPerRun(3, func() { runPhases(phases, 1) }); n != 0 {
			t.Errorf("%v allocations a run", n)
		}
	})
}

// depthwise2d is a spec of square images with a group for each channel.
func depthwise2d(n, size, c, kernel, stride int) ConvSpec {
	s := conv2d(n, size, c, c, kernel, stride, kernel/2)
	s.Groups = c
	return s
}

func BenchmarkConv(b *testing.B) {
	for _, c := range []struct {
		name string
		spec ConvSpec
	}{
		{"mnist1 64x28x28x1 32 5x5", conv2d(64, 28, 1, 32, 5, 1, 0)},
		{"mnist2 64x12x12x32 64 5x5", conv2d(64, 12, 32, 64, 5, 1, 0)},
		{"resnet0 32x32x32x3 16", conv2d(32, 32, 3, 16, 3, 1, 1)},
		{"resnet1 32x32x32x16 16", conv2d(32, 32, 16, 16, 3, 1, 1)},
		{"resnet2 32x32x32x16 32 s2", conv2d(32, 32, 16, 32, 3, 2, 1)},
		{"resnet2 32x32x32x16 32 1x1 s2", conv2d(32, 32, 16, 32, 1, 2, 0)},
		{"resnet2 32x16x16x32 32", conv2d(32, 16, 32, 32, 3, 1, 1)},
		{"resnet3 32x8x8x64 64", conv2d(32, 8, 64, 64, 3, 1, 1)},
		{"mnist2 8x12x12x16 16 5x5", conv2d(8, 12, 16, 16, 5, 1, 0)},
		{"mnist2 8x14x14x16 16 5x5", conv2d(8, 14, 16, 16, 5, 1, 2)},
		{"batch 1 1x12x12x32 64 5x5", conv2d(1, 12, 32, 64, 5, 1, 0)},
		{"batch 1 1x56x56x64 64", conv2d(1, 56, 64, 64, 3, 1, 1)},
		{"batch 1 1x14x14x256 256", conv2d(1, 14, 256, 256, 3, 1, 1)},
		{"batch 1 1x14x14x1024 256 1x1", conv2d(1, 14, 1024, 256, 1, 1, 0)},
		{"batch 1 1x7x7x512 512", conv2d(1, 7, 512, 512, 3, 1, 1)},
		{"batch 1 1x7x7x512 2048 1x1", conv2d(1, 7, 512, 2048, 1, 1, 0)},
		{"resnet50 8x56x56x64 64", conv2d(8, 56, 64, 64, 3, 1, 1)},
		{"resnet50 8x56x56x256 64 1x1", conv2d(8, 56, 256, 64, 1, 1, 0)},
		{"resnet50 8x28x28x128 128", conv2d(8, 28, 128, 128, 3, 1, 1)},
		{"resnet50 8x28x28x256 256 s2", conv2d(8, 28, 256, 256, 3, 2, 1)},
		{"resnet50 8x28x28x512 1024 1x1 s2", conv2d(8, 28, 512, 1024, 1, 2, 0)},
		{"resnet50 8x14x14x256 256", conv2d(8, 14, 256, 256, 3, 1, 1)},
		{"resnet50 8x14x14x256 1024 1x1", conv2d(8, 14, 256, 1024, 1, 1, 0)},
		{"resnet50 8x7x7x512 512", conv2d(8, 7, 512, 512, 3, 1, 1)},
		{"resnet50 8x7x7x2048 512 1x1", conv2d(8, 7, 2048, 512, 1, 1, 0)},
		{"narrow 16x28x28x32 1 5x5", conv2d(16, 28, 32, 1, 5, 1, 2)},
		{"narrow 16x28x28x32 2 3x3", conv2d(16, 28, 32, 2, 3, 1, 1)},
		{"narrow 16x28x28x16 1 3x3", conv2d(16, 28, 16, 1, 3, 1, 1)},
		{"depthwise 8x28x28x64 3x3", depthwise2d(8, 28, 64, 3, 1)},
		{"depthwise 8x28x28x64 3x3 s2", depthwise2d(8, 28, 64, 3, 2)},
		{"depthwise 8x7x7x512 3x3", depthwise2d(8, 7, 512, 3, 1)},
	} {
		for _, set := range Sets() {
			if !set.Available {
				continue
			}
			for _, workers := range []int{1, 2} {
				s := c.spec
				lx, lw, ly := s.lens()
				r := rand.New(rand.NewPCG(1, 1))
				x, w, y := randomGuarded(r, lx).s, randomGuarded(r, lw).s, randomGuarded(r, ly).s
				flops := 2 * float64(ly) * float64(lw/s.O)
				run := func(name string, phases []Phase) {
					b.Run(fmt.Sprintf("%s/%s/%s/%d", c.name, name, set.Name, workers), func(b *testing.B) {
						measure(b, workers, phases, flops)
					})
				}
				f, i, g := NewConv(set, s, workers), NewConvInput(set, s, workers), NewConvWeight(set, s, workers)
				run("y", f.Bind(x, w, y, make([]float32, f.Scratch()), nil))
				run("dx", i.Bind(y, w, make([]float32, lx), make([]float32, i.Scratch()), nil))
				run("dw", g.Bind(x, y, make([]float32, lw), make([]float32, g.Scratch())))
			}
		}
	}
}
