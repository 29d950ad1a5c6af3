package kernel

import (
	"math"
	"testing"
)

// TestReductions compares every length with the portable bits, and the sums
// with float64.
func TestReductions(t *testing.T) {
	lengths := []int{1023, 1024, 1025, 2048, 5000}
	for n := range 200 {
		lengths = append(lengths, n)
	}
	edge := fenced[float32](t, 5000, false)
	edge2 := fenced[float32](t, 5000, false)
	eachSet(t, func(t *testing.T, s *Set) {
		v, g := &s.Vec, &generic.Vec
		r := random()
		for _, n := range lengths {
			a, b := edge[5000-n:], edge2[5000-n:]
			var sum, sumAbs, dot, dotAbs, sq, dev float64
			for i := range a {
				a[i], b[i] = float32(r.NormFloat64()+0.5), float32(r.NormFloat64())
				x, y := float64(a[i]), float64(b[i])
				sum += x
				sumAbs += math.Abs(x)
				dot += x * y
				dotAbs += math.Abs(x * y)
				sq += x * x
				dev += (x - 0.25) * (x - 0.25)
			}
			for _, c := range []struct {
				name           string
				got, portable  float64
				want, absolute float64
			}{
				{"Sum", float64(v.Sum(a)), float64(g.Sum(a)), sum, sumAbs},
				{"Dot", float64(v.Dot(a, b)), float64(g.Dot(a, b)), dot, dotAbs},
				{"SumSq", float64(v.SumSq(a)), float64(g.SumSq(a)), sq, sq},
				{"SumSqDev", v.SumSqDev(a, 0.25), g.SumSqDev(a, 0.25), dev, dev},
			} {
				if c.got != c.portable {
					t.Fatalf("%s of %d: %g, portable %g", c.name, n, c.got, c.portable)
				}
				// At most 16 additions a lane, 6 folds, 2 roundings a term.
				if math.Abs(c.got-c.want) > 25*0x1p-24*c.absolute {
					t.Fatalf("%s of %d: %g, want %g", c.name, n, c.got, c.want)
				}
			}
			if got, want := v.Max(a), g.Max(a); got != want {
				t.Fatalf("Max of %d: %g, want %g", n, got, want)
			}
			if got, want := v.Min(a), g.Min(a); got != want {
				t.Fatalf("Min of %d: %g, want %g", n, got, want)
			}
		}
	})
}

// TestExtremes puts the extreme, then a NaN, at every place.
func TestExtremes(t *testing.T) {
	nan := float32(math.NaN())
	eachSet(t, func(t *testing.T, s *Set) {
		v := &s.Vec
		for n := 1; n < 150; n++ {
			p := newPadded(n, n%16)
			a := p.data
			for i := range a {
				a[i] = -5
			}
			for i := range a {
				a[i] = 3
				if v.Max(a) != 3 || v.ArgMax(a) != i {
					t.Fatalf("n=%d: largest at %d not found", n, i)
				}
				a[n-1-i%n] = 3 // a tie may stand before
				if first := min(i, n-1-i); v.ArgMax(a) != first {
					t.Fatalf("n=%d: of ties at %d and %d, ArgMax is %d", n, i, n-1-i, v.ArgMax(a))
				}
				a[n-1-i] = -5
				a[i] = -7
				if v.Min(a) != -7 || v.ArgMin(a) != i {
					t.Fatalf("n=%d: smallest at %d not found", n, i)
				}
				a[i] = nan
				if m := v.Max(a); m == m || v.ArgMax(a) != i {
					t.Fatalf("n=%d: NaN at %d lost by Max", n, i)
				}
				if m := v.Min(a); m == m || v.ArgMin(a) != i {
					t.Fatalf("n=%d: NaN at %d lost by Min", n, i)
				}
				a[i] = -5
			}
		}
		if v.Sum(nil) != 0 || !math.IsInf(float64(v.Max(nil)), -1) || !math.IsInf(float64(v.Min(nil)), 1) {
			t.Error("reduction of nothing")
		}
	})
}
