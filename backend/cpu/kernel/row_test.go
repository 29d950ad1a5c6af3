package kernel

import (
	"math"
	"testing"
)

// closeTo holds got to want within a relative and an absolute error.
func closeTo(t *testing.T, what string, got []float32, want []float64, relative, absolute float64) {
	t.Helper()
	for i, w := range want {
		if e := math.Abs(float64(got[i]) - w); !(e <= relative*math.Abs(w)+absolute) {
			t.Fatalf("%s: element %d of %d is %g, want %g", what, i, len(want), got[i], w)
		}
	}
}

// rowLengths covers vectors, blocks and their edges.
func rowLengths() []int {
	list := []int{1000, 1024, 1025, 3001}
	for n := 1; n < 70; n++ {
		list = append(list, n)
	}
	return list
}

func softmax64(x []float32) (y []float64, logSum float64) {
	m := math.Inf(-1)
	for _, v := range x {
		m = max(m, float64(v))
	}
	var s float64
	y = make([]float64, len(x))
	for i, v := range x {
		y[i] = math.Exp(float64(v) - m)
		s += y[i]
	}
	for i := range y {
		y[i] /= s
	}
	return y, m + math.Log(s)
}

func TestSoftmaxRow(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		v := &s.Vec
		r := random()
		for _, n := range rowLengths() {
			x, y, ly, dy, dx := newPadded(n, 3), newPadded(n, 1), newPadded(n, 2), newPadded(n, 0), newPadded(n, 5)
			for i := range x.data {
				x.data[i] = float32(r.NormFloat64() * 4)
				dy.data[i] = float32(r.NormFloat64())
			}
			want, logSum := softmax64(x.data)
			v.Softmax(y.data, x.data)
			closeTo(t, "softmax", y.data, want, 2e-6, 1e-40)
			v.LogSoftmax(ly.data, x.data)
			logs := make([]float64, n)
			var dot, sum float64
			for i := range logs {
				logs[i] = float64(x.data[i]) - logSum
				dot += want[i] * float64(dy.data[i])
				sum += float64(dy.data[i])
			}
			closeTo(t, "log-softmax", ly.data, logs, 3e-7, 1e-6)
			g, lg, cg := make([]float64, n), make([]float64, n), make([]float64, n)
			label := r.IntN(n)
			for i := range g {
				g[i] = want[i] * (float64(dy.data[i]) - dot)
				lg[i] = float64(dy.data[i]) - want[i]*sum
				cg[i] = 0.5 * want[i]
			}
			cg[label] -= 0.5
			v.SoftmaxGrad(dx.data, y.data, dy.data)
			closeTo(t, "softmax gradient", dx.data, g, 1e-5, 3e-6)
			v.LogSoftmaxGrad(dx.data, ly.data, dy.data)
			closeTo(t, "log-softmax gradient", dx.data, lg, 1e-5, 3e-5)
			loss, lse := v.CrossEntropy(x.data, int64(label))
			closeTo(t, "cross-entropy", []float32{loss, lse}, []float64{-logs[label], logSum}, 1e-6, 1e-6)
			v.CrossEntropyGrad(dx.data, x.data, int64(label), lse, 0.5, 0.5)
			closeTo(t, "cross-entropy gradient", dx.data, cg, 1e-5, 1e-6)
			// In place.
			copy(dx.data, x.data)
			v.Softmax(dx.data, dx.data)
			closeTo(t, "softmax in place", dx.data, want, 2e-6, 1e-40)
			copy(dx.data, x.data)
			v.LogSoftmax(dx.data, dx.data)
			closeTo(t, "log-softmax in place", dx.data, logs, 3e-7, 1e-6)
			for _, p := range []padded{x, y, ly, dy, dx} {
				p.check(t, "softmax")
			}
		}
		inf := float32(math.Inf(1))
		for _, x := range [][]float32{{1, float32(math.NaN()), 2}, {inf, 0}, {-inf, -inf}} {
			y := make([]float32, len(x))
			v.Softmax(y, x)
			for i := range y {
				if y[i] == y[i] {
					t.Errorf("softmax of %g is %g, want NaN", x, y)
				}
			}
		}
		y := make([]float32, 2)
		if v.Softmax(y, []float32{-inf, 3}); y[0] != 0 || y[1] != 1 {
			t.Errorf("softmax of -Inf, 3: %g", y)
		}
	})
}

// A sum over blocks of a row starts anew where a larger element comes.
func TestLogSumExp(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachSet(t, func(t *testing.T, s *Set) {
		row := func(at map[int]float32, rest float32) []float32 {
			x := make([]float32, 3*blockLen+7)
			for i := range x {
				x[i] = rest
			}
			for i, v := range at {
				x[i] = v
			}
			return x
		}
		n := float64(3*blockLen + 7)
		for _, tc := range []struct {
			x    []float32
			want float64
		}{
			{row(nil, 2), 2 + math.Log(n)},
			{row(map[int]float32{2 * blockLen: 30}, 0), 30},
			{row(map[int]float32{0: 30}, 0), 30},
			{row(map[int]float32{0: 1, blockLen: 2, 2 * blockLen: 3, 3 * blockLen: 4}, -inf), math.Log(math.Exp(1) + math.Exp(2) + math.Exp(3) + math.Exp(4))},
			{row(map[int]float32{blockLen + 5: -7}, -inf), -7},
			{row(map[int]float32{3*blockLen + 6: -7}, -inf), -7},
			{row(nil, -inf), math.NaN()},
			{row(map[int]float32{blockLen: inf}, 0), math.NaN()},
			{row(map[int]float32{blockLen: nan}, 0), math.NaN()},
			{row(map[int]float32{blockLen: nan}, -inf), math.NaN()},
			{row(map[int]float32{0: nan, 2 * blockLen: 5}, 0), math.NaN()},
		} {
			loss, lse := s.Vec.CrossEntropy(tc.x, 1)
			if tc.want != tc.want {
				if lse == lse || loss == loss {
					t.Errorf("the loss is %g by %g, want NaN", loss, lse)
				}
				continue
			}
			closeTo(t, "logarithm of the sum", []float32{lse}, []float64{tc.want}, 1e-6, 1e-6)
		}
	})
}

func TestRMSNormRow(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		v := &s.Vec
		r := random()
		for _, n := range rowLengths() {
			for _, weighted := range []bool{false, true} {
				x, y, dy, dx := newPadded(n, 3), newPadded(n, 1), newPadded(n, 2), newPadded(n, 4)
				w, dw := newPadded(n, 5), newPadded(n, 7)
				for i := range n {
					x.data[i], dy.data[i], w.data[i] = float32(r.NormFloat64()), float32(r.NormFloat64()), float32(r.NormFloat64())
					dw.data[i] = 1
				}
				var weight []float32
				if weighted {
					weight = w.data
				}
				rstd := v.RMSNorm(y.data, x.data, weight, 1e-5)
				v.RMSNormGrad(dx.data, dy.data, x.data, weight, dw.data, rstd)

				var sq, sgh float64
				for _, e := range x.data {
					sq += float64(e) * float64(e) / float64(n)
				}
				rs := 1 / math.Sqrt(sq+1e-5)
				g := make([]float64, n)
				for i := range g {
					g[i] = float64(dy.data[i])
					if weighted {
						g[i] *= float64(w.data[i])
					}
					sgh += g[i] * float64(x.data[i]) * rs / float64(n)
				}
				wantY, wantX, wantW := make([]float64, n), make([]float64, n), make([]float64, n)
				for i := range g {
					h := float64(x.data[i]) * rs
					wantY[i], wantX[i], wantW[i] = h, rs*(g[i]-h*sgh), 1+float64(dy.data[i])*h
					if weighted {
						wantY[i] *= float64(w.data[i])
					}
				}
				closeTo(t, "RMS norm rstd", []float32{rstd}, []float64{rs}, 1e-6, 0)
				closeTo(t, "RMS norm", y.data, wantY, 1e-6, 1e-6)
				closeTo(t, "RMS norm dx", dx.data, wantX, 1e-5, rs*5e-6)
				closeTo(t, "RMS norm dw", dw.data, wantW, 1e-5, 2e-6)
				for _, p := range []padded{x, y, dy, dx, w, dw} {
					p.check(t, "RMS norm")
				}
			}
		}
	})
}

func TestLayerNormRow(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		v := &s.Vec
		r := random()
		for _, n := range rowLengths() {
			for variant := range 4 {
				center := []float64{0, 1000}[n%2]
				x, y, dy, dx := newPadded(n, 3), newPadded(n, 1), newPadded(n, 2), newPadded(n, 4)
				w, b, dw, db := newPadded(n, 5), newPadded(n, 6), newPadded(n, 7), newPadded(n, 8)
				for i := range n {
					x.data[i] = float32(center + r.NormFloat64())
					dy.data[i], w.data[i], b.data[i] = float32(r.NormFloat64()), float32(r.NormFloat64()), float32(r.NormFloat64())
					dw.data[i], db.data[i] = 1, 2
				}
				weight, bias := w.data, b.data
				if variant&1 == 0 {
					weight = nil
				}
				if variant&2 == 0 {
					bias = nil
				}
				mean, rstd := v.LayerNorm(y.data, x.data, weight, bias, 1e-5)

				var m, va float64
				for _, e := range x.data {
					m += float64(e) / float64(n)
				}
				for _, e := range x.data {
					va += (float64(e) - m) * (float64(e) - m) / float64(n)
				}
				rs := 1 / math.Sqrt(va+1e-5)
				wantY, wantX, wantW, wantB := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
				var sg, sgh float64
				at := func(s []float32, i int, other float64) float64 {
					if s == nil {
						return other
					}
					return float64(s[i])
				}
				for i := range n {
					h := (float64(x.data[i]) - m) * rs
					g := float64(dy.data[i]) * at(weight, i, 1)
					wantY[i] = h*at(weight, i, 1) + at(bias, i, 0)
					sg += g / float64(n)
					sgh += g * h / float64(n)
					wantW[i], wantB[i] = 1+float64(dy.data[i])*h, 2+float64(dy.data[i])
				}
				for i := range n {
					h := (float64(x.data[i]) - m) * rs
					wantX[i] = rs * (float64(dy.data[i])*at(weight, i, 1) - sg - h*sgh)
				}
				// The mean is a float32: it is off by up to half its last digit.
				off := rs * (ulp(m)/2 + 3e-7)
				closeTo(t, "layer norm mean", []float32{mean}, []float64{m}, 1.2e-7, 2e-7)
				closeTo(t, "layer norm rstd", []float32{rstd}, []float64{rs}, 2e-6, 0)
				closeTo(t, "layer norm", y.data, wantY, 1e-5, 5*off)
				v.LayerNormGrad(dx.data, dy.data, x.data, weight, dw.data, db.data, mean, rstd)
				closeTo(t, "layer norm dx", dx.data, wantX, 1e-5, rs*10*off)
				closeTo(t, "layer norm dw", dw.data, wantW, 1e-5, 5*off)
				closeTo(t, "layer norm db", db.data, wantB, 1e-6, 1e-6)
				for _, p := range []padded{x, y, dy, dx, w, b, dw, db} {
					p.check(t, "layer norm")
				}
			}
		}
	})
}
