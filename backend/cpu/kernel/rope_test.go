package kernel

import (
	"math"
	"testing"
)

// Both forms turn as the formula says, for every number of pairs, and touch
// nothing else.
func TestTurn(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		r := random()
		edge, sines := fenced[float32](t, 280, false), fenced[float32](t, 140, false)
		for n := range 131 {
			x, sin := edge[280-2*n:], sines[140-n:]
			cos, frequencies := make([]float32, n), make([]float64, n)
			for i := range frequencies {
				frequencies[i] = r.Float64()
			}
			for i := range x {
				x[i] = float32(r.NormFloat64())
			}
			Waves(sin, cos, frequencies, 1000, 1)
			halves, pairs := make([]float32, 2*n+1), make([]float32, 2*n+1)
			halves[2*n], pairs[2*n] = 5, 5
			s.Vec.TurnHalves(halves, x, sin, cos)
			TurnPairs(pairs, x, sin, cos)
			if halves[2*n] != 5 || pairs[2*n] != 5 {
				t.Fatalf("%d pairs: the element behind them is changed", n)
			}
			for i, f := range frequencies {
				sn, cs := math.Sincos(1000 * f)
				for _, c := range []struct {
					name string
					y    []float32
					i, j int
				}{{"halves", halves, i, i + n}, {"pairs", pairs, 2 * i, 2*i + 1}} {
					a, b := float64(x[c.i]), float64(x[c.j])
					if d := math.Abs(float64(c.y[c.i]) - (a*cs - b*sn)); d > 1e-6 {
						t.Fatalf("%s of %d: element %d is off by %v", c.name, n, c.i, d)
					}
					if d := math.Abs(float64(c.y[c.j]) - (b*cs + a*sn)); d > 1e-6 {
						t.Fatalf("%s of %d: element %d is off by %v", c.name, n, c.j, d)
					}
				}
			}
		}
	})
}
