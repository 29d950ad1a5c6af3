package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

var bnShapes = [][2]int{{1, 1}, {2, 3}, {7, 16}, {64, 10}, {1000, 1}, {333, 33}, {5000, 16}, {40, 513}, {100, 700}, {3, 20000}, {1500, 64}}

// TestBatchNorm compares with float64, also for a mean far from 0, and 1 worker
// with 3 by bits.
func TestBatchNorm(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for _, shape := range bnShapes {
			for _, center := range []float64{0, 1000} {
				testBatchNorm(t, s, shape[0], shape[1], center)
			}
		}
	})
}

func testBatchNorm(t *testing.T, s *Set, rows, cols int, center float64) {
	t.Helper()
	what := fmt.Sprintf("%dx%d center %g", rows, cols, center)
	r := random()
	n := rows * cols
	x, dy := newPadded(n, 3), newPadded(n, 5)
	w, bias := make([]float32, cols), make([]float32, cols)
	for i := range n {
		x.data[i] = float32(center + r.NormFloat64())
		dy.data[i] = float32(r.NormFloat64())
	}
	for c := range cols {
		w[c], bias[c] = float32(1+r.NormFloat64()/3), float32(r.NormFloat64())
	}
	type result struct {
		y, dx                  padded
		mean, variance, dw, db []float32
	}
	compute := func(workers int) result {
		col := func() []float32 { return make([]float32, cols) }
		o := result{newPadded(n, 1), newPadded(n, 2), col(), col(), col(), col()}
		b := NewBatchNorm(s, rows, cols, workers)
		scratch := make([]float32, b.Scratch())
		for i := range scratch {
			scratch[i] = float32(math.NaN())
		}
		calls := make([]int, rows) // of the epilogue, which comes once to each row
		phases := b.Bind(o.y.data, x.data, w, bias, o.mean, o.variance, 1e-5, scratch, func(_, _, r0, r1, c0, c1 int) {
			for r := r0; r < r1; r++ {
				calls[r] += c1 - c0
			}
		})
		runPhases(phases, workers)
		for r, n := range calls {
			if n != cols {
				t.Fatalf("%s: the epilogue came to %d elements of row %d", what, n, r)
			}
		}
		runPhases(b.BindGrad(o.dx.data, o.dw, o.db, dy.data, x.data, w, o.mean, o.variance, 1e-5, scratch), workers)
		o.y.check(t, what)
		o.dx.check(t, what)
		x.check(t, what)
		return o
	}
	got, again := compute(1), compute(3)
	for _, pair := range [][2][]float32{{got.y.data, again.y.data}, {got.dx.data, again.dx.data}, {got.mean, again.mean},
		{got.variance, again.variance}, {got.dw, again.dw}, {got.db, again.db}} {
		if !slices.EqualFunc(pair[0], pair[1], same) {
			t.Fatalf("%s: three workers give other bits than one", what)
		}
	}
	for c := range cols {
		var m, va float64
		for i := c; i < n; i += cols {
			m += float64(x.data[i]) / float64(rows)
		}
		for i := c; i < n; i += cols {
			va += (float64(x.data[i]) - m) * (float64(x.data[i]) - m) / float64(rows)
		}
		rs := 1 / math.Sqrt(va+1e-5)
		closeTo(t, what+" mean", got.mean[c:c+1], []float64{m}, 1.2e-7, 3e-7)
		closeTo(t, what+" variance", got.variance[c:c+1], []float64{va}, 2e-6, 1e-12)
		// y and dx carry the rounding of x*scale, of the size of x*rstd.
		off := rs*ulp(center+2)*2 + 1e-6
		var sum, sumH, size float64
		for i := c; i < n; i += cols {
			h := (float64(x.data[i]) - m) * rs
			g := float64(dy.data[i])
			want := h*float64(w[c]) + float64(bias[c])
			closeTo(t, what+" y", got.y.data[i:i+1], []float64{want}, 1e-6, 2*off*(1+math.Abs(float64(w[c]))))
			sum += g
			sumH += g * h
			size += math.Abs(g)
		}
		closeTo(t, what+" db", got.db[c:c+1], []float64{sum}, 1e-6, 1e-6*size)
		closeTo(t, what+" dw", got.dw[c:c+1], []float64{sumH}, 1e-5, size*off)
		for i := c; i < n; i += cols {
			g := float64(dy.data[i])
			h := (float64(x.data[i]) - m) * rs
			scale := float64(w[c]) * rs
			want := scale * (g - sum/float64(rows) - h*sumH/float64(rows))
			closeTo(t, what+" dx", got.dx.data[i:i+1], []float64{want}, 1e-5, math.Abs(scale)*4*off*(1+size/float64(rows)))
		}
	}
}
