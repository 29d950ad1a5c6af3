package kernel

import (
	"math"
	"testing"
)

// TestScores compares what attention does with its scores with the definition,
// beside pages that can't be read.
func TestScores(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := random()
		f := set.Vec.attention
		for rows := range 131 {
			cols := scorePanel * (1 + rows%4)
			ld := cols + rows%3
			size := max(0, rows-1)*ld + cols
			if rows == 0 {
				size = cols
			}
			plain := rows
			bound := float32(-1)
			if rows%5 != 0 {
				plain = r.IntN(rows)
				bound = float32(r.IntN(cols+2) - 2)
			}
			fresh := func(n int) []float32 {
				x := fenced[float32](t, n, rows%2 == 0)
				for i := range x {
					x[i] = float32(3 * r.NormFloat64())
				}
				return x
			}
			a, top, sum, less := fresh(size), fresh(cols), fresh(cols), fresh(cols)
			for j := range cols {
				sum[j] *= sum[j]
				switch j % 7 {
				case 0: // nothing yet
					top[j], sum[j] = negInf, 0
				case 1:
					top[j] = 40 // far above all
				}
			}
			if rows > 0 {
				a[5] = negInf
			}
			at := func(x []float32, i, j int) float64 {
				if i >= plain && float32(j) <= bound+float32(i-plain) {
					return math.Inf(-1)
				}
				return float64(x[i*ld+j])
			}
			near := func(what string, i, j int, got float32, want float64) {
				t.Helper()
				if !(math.Abs(float64(got)-want) <= 4e-6*math.Abs(want)+1e-44) && float64(got) != want {
					t.Fatalf("%s of %d rows, %d columns at [%d %d] is %v, want %v", what, rows, cols, i, j, got, want)
				}
			}
			scores, oldTop, oldSum := append([]float32(nil), a...), append([]float32(nil), top...), append([]float32(nil), sum...)
			f.softmax(rows, plain, ld, cols, bound, &a[0], &top[0], &sum[0], &less[0])
			for j := range cols {
				m := float64(oldTop[j])
				for i := range rows {
					m = max(m, at(scores, i, j))
				}
				if float64(top[j]) != m {
					t.Fatalf("%d rows: largest of column %d is %v, want %v", rows, j, top[j], m)
				}
				if math.IsInf(m, -1) {
					m = 0
				}
				shrunk := math.Exp2(float64(oldTop[j]) - m)
				total := float64(oldSum[j]) * shrunk
				for i := range rows {
					p := math.Exp2(at(scores, i, j) - m)
					near("weight", i, j, a[i*ld+j], p)
					total += p
				}
				near("factor", 0, j, less[j], shrunk)
				near("sum", 0, j, sum[j], total)
			}

			a, d, lse, delta := fresh(size), fresh(size), fresh(cols), fresh(cols)
			scores, old := append([]float32(nil), a...), append([]float32(nil), d...)
			f.weights(rows, plain, ld, cols, bound, &a[0], &d[0], &lse[0], &delta[0])
			for i := range rows {
				for j := range cols {
					p := math.Exp2(at(scores, i, j) - float64(lse[j]))
					near("weight", i, j, a[i*ld+j], p)
					near("gradient", i, j, d[i*ld+j], float64(old[i*ld+j]-delta[j])*p)
				}
			}
			for i := range max(0, rows-1) {
				for j := cols; j < ld; j++ {
					if a[i*ld+j] != scores[i*ld+j] || d[i*ld+j] != old[i*ld+j] {
						t.Fatal("something between rows was written")
					}
				}
			}

			if rows == 0 {
				continue
			}
			wide := 1 + r.IntN(cols)
			c, factors := fresh((rows-1)*ld+wide), fresh(rows)
			old = append([]float32(nil), c...)
			f.scale(rows, wide, ld, &c[0], &factors[0])
			for i, x := range old {
				if i%ld < wide {
					x *= factors[i/ld]
				}
				if c[i] != x {
					t.Fatalf("%d rows of %d: element %d is %v, want %v", rows, wide, i, c[i], x)
				}
			}
		}
	})
}

// Powers at the ends: what overflows, vanishes and is no number.
func TestScoresAtEnds(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachSet(t, func(t *testing.T, set *Set) {
		a, d := make([]float32, scorePanel), make([]float32, scorePanel)
		lse, delta := make([]float32, scorePanel), make([]float32, scorePanel)
		want := map[int]float32{
			0: 1, 1: 2, 2: 0.5, 3: inf, 4: inf, 5: 0x1p-126, 6: 0x1p-149, 7: 0, 8: 0, 9: 0, 10: inf, 11: nan, 12: 0x1p127, 13: 0,
		}
		copy(a, []float32{0, 1, -1, 128, 1e30, -126, -149, -151, -1e30, negInf, inf, nan, 127, -150})
		set.Vec.attention.weights(1, 1, scorePanel, scorePanel, -1, &a[0], &d[0], &lse[0], &delta[0])
		for i, w := range want {
			if a[i] != w && (a[i] == a[i] || w == w) {
				t.Errorf("power %d is %v, want %v", i, a[i], w)
			}
		}
	})
}
