package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestGroupNorm compares both layouts with float64, also for a mean far from 0,
// and 1 worker with 3 by bits.
func TestGroupNorm(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for _, size := range [][4]int{ // images, channels, groups, pixels
			{1, 1, 1, 1}, {2, 4, 2, 1}, {3, 6, 3, 5}, {2, 8, 8, 33}, {1, 12, 1, 700}, {2, 33, 3, 49}, {1, 6, 2, 9000}, {2, 700, 7, 3}, {1, 4000, 4, 2},
		} {
			for _, last := range []bool{false, true} {
				for _, center := range []float64{0, 300} {
					testGroupNorm(t, s, size, last, center)
				}
			}
		}
	})
}

func testGroupNorm(t *testing.T, s *Set, size [4]int, last bool, center float64) {
	t.Helper()
	images, channels, groups, pixels := size[0], size[1], size[2], size[3]
	what := fmt.Sprintf("%v last %v center %g", size, last, center)
	r := random()
	n := images * channels * pixels
	x, dy, w, bias := newPadded(n, 3), newPadded(n, 5), newPadded(channels, 1), newPadded(channels, 2)
	for i := range n {
		x.data[i], dy.data[i] = float32(center+r.NormFloat64()), float32(r.NormFloat64())
	}
	for c := range channels {
		w.data[c], bias.data[c] = float32(1+r.NormFloat64()/3), float32(r.NormFloat64())
	}
	compute := func(workers int) map[string]padded {
		o := map[string]padded{"y": newPadded(n, 1), "dx": newPadded(n, 2), "mean": newPadded(images*groups, 1),
			"variance": newPadded(images*groups, 3), "dw": newPadded(channels, 4), "db": newPadded(channels, 0)}
		g := NewGroupNorm(s, images, channels, groups, pixels, last, workers)
		scratch := newPadded(g.Scratch(), 1)
		for i := range scratch.data {
			scratch.data[i] = float32(math.NaN())
		}
		var after Epilogue
		calls := make([]int, images*pixels) // of the epilogue, which comes once to each pixel
		if last {
			after = func(_, image, r0, r1, c0, c1 int) {
				for r := r0; r < r1; r++ {
					calls[image*pixels+r] += c1 - c0
				}
			}
		}
		runPhases(g.Bind(o["y"].data, x.data, w.data, bias.data, o["mean"].data, o["variance"].data, 1e-5, scratch.data, after), workers)
		for i, n := range calls {
			if last && n != channels {
				t.Fatalf("%s: the epilogue came to %d elements of pixel %d", what, n, i)
			}
		}
		runPhases(g.BindGrad(o["dx"].data, o["dw"].data, o["db"].data, dy.data, x.data, w.data, o["mean"].data, o["variance"].data, 1e-5, scratch.data), workers)
		for _, p := range []padded{x, dy, w, bias, scratch} {
			p.check(t, what)
		}
		return o
	}
	got := compute(1)
	for name, again := range compute(3) {
		got[name].check(t, what)
		if !slices.EqualFunc(got[name].data, again.data, same) {
			t.Fatalf("%s: three workers give another %s than one", what, name)
		}
	}

	at := func(image, c, p int) int {
		if last {
			return (image*pixels+p)*channels + c
		}
		return (image*channels+c)*pixels + p
	}
	per := channels / groups
	count := float64(per * pixels)
	wantW, wantB, sizeW := make([]float64, channels), make([]float64, channels), make([]float64, channels)
	for i := range images * groups {
		image, first := i/groups, i%groups*per
		var all []int // the elements of the group, channel by channel
		for c := first; c < first+per; c++ {
			for p := range pixels {
				all = append(all, at(image, c, p))
			}
		}
		var m, va, sg, sgh, scale float64
		for _, k := range all {
			m += float64(x.data[k]) / count
		}
		for _, k := range all {
			va += (float64(x.data[k]) - m) * (float64(x.data[k]) - m) / count
		}
		rs := 1 / math.Sqrt(va+1e-5)
		closeTo(t, what+" mean", got["mean"].data[i:i+1], []float64{m}, 1.2e-7, 3e-7)
		closeTo(t, what+" variance", got["variance"].data[i:i+1], []float64{va}, 3e-6, 1e-12)
		for j, k := range all {
			weight := float64(w.data[first+j/pixels])
			g := float64(dy.data[k]) * weight
			sg += g / count
			sgh += g * (float64(x.data[k]) - m) * rs / count
			scale += math.Abs(g) / count
		}
		// The mean is a float32, and dx is made of products of the size of x.
		off := rs*(ulp(center+2)+3e-7) + 1e-6
		for j, k := range all {
			c := first + j/pixels
			h := (float64(x.data[k]) - m) * rs
			closeTo(t, what+" y", got["y"].data[k:k+1], []float64{h*float64(w.data[c]) + float64(bias.data[c])}, 3e-6, 3*off)
			want := rs * (float64(dy.data[k])*float64(w.data[c]) - sg - h*sgh)
			closeTo(t, what+" dx", got["dx"].data[k:k+1], []float64{want}, 1e-5, rs*20*off*(1+scale))
			wantW[c] += float64(dy.data[k]) * h
			wantB[c] += float64(dy.data[k])
			sizeW[c] += math.Abs(float64(dy.data[k])) * (off + 3e-7)
		}
	}
	for c := range channels {
		closeTo(t, what+" dw", got["dw"].data[c:c+1], wantW[c:c+1], 1e-5, 3*sizeW[c])
		closeTo(t, what+" db", got["db"].data[c:c+1], wantB[c:c+1], 1e-6, 3*sizeW[c])
	}
}
