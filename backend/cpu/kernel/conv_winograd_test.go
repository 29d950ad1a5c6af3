package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestWinograd has images that fill their tiles and images that don't, several
// blocks of channels, and both orders of work. A result at a border has the
// error of its tile, whose other results have more products, and in a gradient
// by a weight of 5 by 5 the taps at the corners have up to three times the error.
func TestWinograd(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		set = anyChannels(set)
		r := rand.New(rand.NewPCG(31, 32))
		one := [3]int{1, 1, 1}
		for _, s := range []ConvSpec{
			conv2d(2, 32, 16, 16, 3, 1, 1),
			conv2d(3, 8, 32, 48, 3, 1, 1),
			conv2d(1, 7, 80, 96, 3, 1, 1),
			conv2d(2, 9, 16, 32, 3, 1, 0),
			conv2d(2, 6, 32, 16, 3, 1, 2),
			newConvSpec(2, 16, 16, 1, [3]int{2, 10, 15}, [3]int{1, 3, 3}, one, [3]int{0, 1, 0}, [3]int{0, 0, 2}, one),
			conv2d(5, 12, 32, 64, 5, 1, 0),
			conv2d(6, 11, 16, 32, 5, 1, 0),
			conv2d(2, 16, 48, 16, 5, 1, 2),
			conv2d(1, 8, 96, 80, 5, 1, 2),
			conv2d(2, 8, 80, 96, 5, 1, 0), // squares are added, by panel
			conv2d(2, 10, 16, 16, 5, 1, 3),
			newConvSpec(2, 16, 32, 1, [3]int{2, 13, 12}, [3]int{1, 5, 5}, one, [3]int{0, 3, 0}, [3]int{0, 0, 1}, one),
		} {
			if newWinograd(set, s, false, 2) == nil || newWinograd(set, s, true, 2) == nil {
				t.Errorf("%+v is summed by the formula", s)
			}
			checkConvWithin(t, set, r, s, func(name string, got float32, want sum64, largest float64) bool {
				corners := 0
				if name == "dw" && s.Kernel[1] == 5 {
					corners = 32
				}
				return near(got, want.value, largest, corners)
			})
		}
	})
}

// TestWinogradRounds sums a gradient by the weight in rounds of few bands.
func TestWinogradRounds(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		set = anyChannels(set)
		r := rand.New(rand.NewPCG(35, 36))
		for _, s := range []ConvSpec{conv2d(3, 9, 112, 80, 3, 1, 1), conv2d(1, 9, 112, 80, 5, 1, 2)} {
			lx, lw, ly := s.lens()
			x, dy := randomGuarded(r, lx), randomGuarded(r, ly)
			run := func(rounds, workers int) []float32 {
				w := newWinogradWeight(set, s, workers)
				w.setRounds(rounds)
				dw, scratch := newGuarded(lw), newGuarded(w.scratch())
				runPhases(w.bind(x.s, dy.s, dw.s, scratch.s), workers)
				dw.check(t, "dw")
				scratch.check(t, "scratch")
				return dw.s
			}
			want := run(1, 2)
			for _, rounds := range []int{2, 4} {
				got := run(rounds, 3)
				for i, g := range got {
					if math.Abs(float64(g-want[i])) > 1e-4 {
						t.Fatalf("element %d is %g in one round, %g in %d", i, want[i], g, rounds)
					}
				}
			}
		}
	})
}

// TestWinogradError holds the error against float64: of layers with many and
// few channels, with pixels of both signs and after a ReLU, its root mean square
// at most eight times that of the sum by the formula in float32, and its
// largest below 1e-5 of the largest result.
func TestWinogradError(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		set = anyChannels(set)
		r := rand.New(rand.NewPCG(33, 34))
		for _, s := range []ConvSpec{
			conv2d(2, 12, 16, 16, 3, 1, 1), conv2d(1, 8, 64, 64, 3, 1, 1), conv2d(1, 7, 256, 64, 3, 1, 1),
			conv2d(1, 4, 512, 32, 3, 1, 1), conv2d(1, 14, 32, 128, 3, 1, 1),
			conv2d(2, 12, 16, 16, 5, 1, 2), conv2d(2, 12, 32, 64, 5, 1, 0), conv2d(1, 8, 256, 64, 5, 1, 2),
			conv2d(1, 8, 512, 32, 5, 1, 0), conv2d(1, 14, 32, 128, 5, 1, 2),
		} {
			lx, lw, ly := s.lens()
			for _, positive := range []bool{false, true} {
				x, w, dy := make([]float32, lx), make([]float32, lw), make([]float32, ly)
				for i := range x {
					x[i] = float32(r.NormFloat64())
					if positive {
						x[i] = max(x[i], 0)
					}
				}
				for i := range w {
					w[i] = float32(r.NormFloat64() * math.Sqrt(2/float64(s.taps()*s.C)))
				}
				for i := range dy {
					dy[i] = float32(r.NormFloat64())
				}
				wantY, wantX, wantW := make([]float64, ly), make([]float64, lx), make([]float64, lw)
				s.eachProduct(func(i, j, k int) {
					wantY[k] += float64(x[i]) * float64(w[j])
					wantX[i] += float64(dy[k]) * float64(w[j])
					wantW[j] += float64(x[i]) * float64(dy[k])
				})
				check := func(name string, want []float64, plain, fast func(result []float32) []Phase) {
					a, b := make([]float32, len(want)), make([]float32, len(want))
					runPhases(plain(a), 1)
					runPhases(fast(b), 1)
					_, plainRMS := errors32(a, want)
					worst, rms := errors32(b, want)
					t.Logf("%s: %d by %d, %d channels: %.1f times the error of the formula, worst %.1e", name, s.Kernel[1], s.Kernel[2], s.C, rms/plainRMS, worst)
					if rms > 8*plainRMS || worst > 1e-5 {
						t.Errorf("%s of %+v: error %.2g, by the formula %.2g, worst %.2g", name, s, rms, plainRMS, worst)
					}
				}
				scratch := func(n int) []float32 { return make([]float32, n) }
				formula := newCorrelation(&set.Tile, 1, s.N, 1, s.C, s.O, s.forward())
				fast := newWinograd(set, s, false, 1)
				check("y", wantY, func(y []float32) []Phase {
					return formula.bind(x, w, y, scratch(formula.Scratch()), nil, (*correlationRun).packForward)
				}, func(y []float32) []Phase { return fast.bind(x, w, y, scratch(fast.scratch()), nil) })
				back := newCorrelation(&set.Tile, 1, s.N, 1, s.O, s.C, s.backward())
				fastBack := newWinograd(set, s, true, 1)
				check("dx", wantX, func(dx []float32) []Phase {
					return back.bind(dy, w, dx, scratch(back.Scratch()), nil, (*correlationRun).packInput)
				}, func(dx []float32) []Phase { return fastBack.bind(dy, w, dx, scratch(fastBack.scratch()), nil) })
				sums := newWeightSums(set, s, 1)
				fastSums := newWinogradWeight(set, s, 1)
				check("dw", wantW, func(dw []float32) []Phase { return sums.Bind(x, dy, dw, scratch(sums.Scratch())) },
					func(dw []float32) []Phase { return fastSums.bind(x, dy, dw, scratch(fastSums.scratch())) })
			}
		}
	})
}

// anyChannels returns a set that uses Winograd's method for few channels too.
func anyChannels(set *Set) *Set {
	s := *set
	s.winograd.three.least, s.winograd.five.least = winogradLanes, winogradLanes
	return &s
}

// errors32 returns the largest and the root mean square of the errors, over
// the largest number and the root mean square of the numbers.
func errors32(got []float32, want []float64) (worst, rms float64) {
	var size, sum, squares float64
	for i, w := range want {
		e := math.Abs(float64(got[i]) - w)
		worst, size = max(worst, e), max(size, math.Abs(w))
		sum, squares = sum+e*e, squares+w*w
	}
	return worst / size, math.Sqrt(sum / squares)
}
