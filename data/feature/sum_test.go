package feature

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// The sum of numbers of all sizes is that of big.Rat, in any order.
func TestExactSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var xs []float64
		for range r.IntN(50) {
			x := math.Float64frombits(r.Uint64())
			if !math.IsNaN(x) && !math.IsInf(x, 0) {
				xs = append(xs, x, -x*r.Float64(), math.Float64frombits(r.Uint64N(1<<54)))
			}
		}
		want := new(big.Rat)
		var a, b exactSum
		for i, x := range xs {
			want.Add(want, new(big.Rat).SetFloat64(x))
			a.add(x)
			b.add(xs[len(xs)-1-i])
			if i%7 == 0 {
				a.carry()
			}
		}
		scale := new(big.Int).Lsh(big.NewInt(1), 1074)
		want.Mul(want, new(big.Rat).SetInt(scale))
		if !want.IsInt() || want.Num().Cmp(a.total()) != 0 || a.total().Cmp(b.total()) != 0 {
			t.Fatalf("%v: sum %v, backwards %v, want %v", xs, a.total(), b.total(), want)
		}
	}
}

// Mean and deviation are right where rounded sums lose everything.
func TestMoments(t *testing.T) {
	for _, shift := range []float64{0, 1e9, -1e15, 1e-300} {
		var m moments
		for _, x := range []float64{1, 2, 3, 4, 10} {
			m.add(shift + x)
		}
		if m.mean() != shift+4 || m.deviation() != math.Sqrt(10) || m.min != shift+1 || m.max != shift+10 {
			t.Errorf("shift %g: mean %v, deviation %v, range %v..%v", shift, m.mean(), m.deviation(), m.min, m.max)
		}
	}
	var same moments
	for range 1000 {
		same.add(0.1)
	}
	if same.mean() != 0.1 || same.deviation() != 0 {
		t.Errorf("a thousand times 0.1: mean %v, deviation %v", same.mean(), same.deviation())
	}
}
