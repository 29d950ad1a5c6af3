package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// exactPair gives the value of a function of two numbers in float64.
var exactPair = map[VecOp]func(x, y float64) float64{
	Atan2: math.Atan2, Fmod: math.Mod, Hypot: math.Hypot, CopySign: math.Copysign,
	Remainder: func(x, y float64) float64 {
		r := math.Mod(x, y)
		if r != 0 && (r < 0) != (y < 0) {
			r += y
		}
		return r
	},
	LogAddExp: func(x, y float64) float64 {
		switch m := max(x, y); {
		case x == y:
			return x + math.Ln2
		default:
			return m + math.Log1p(math.Exp(min(x, y)-m))
		}
	},
}

// TestPairs compares with the exact functions on special, ordinary and any
// numbers: the rests without any error, the others within a unit.
func TestPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	list := append([]float32{}, specials...)
	for range 150 {
		list = append(list, float32(r.NormFloat64()*10), math.Float32frombits(r.Uint32()))
	}
	for op, f := range exactPair {
		worst := 0.0
		for _, x := range list {
			for _, y := range list {
				d := make([]float32, 1)
				generic.Vec.Run(op, d, []float32{x}, []float32{y}, nil, 0, 0)
				want := f(float64(x), float64(y))
				if same(d[0], float32(want)) {
					continue
				}
				e := math.Abs(float64(d[0])-want) / ulp(want)
				if op == LogAddExp && math.Abs(want) < 1 { // near a zero
					e = math.Abs(float64(d[0])-want) / ulp(1)
				}
				if op == Fmod || op == Remainder || !(e <= 0.51) {
					t.Fatalf("%v of %g and %g is %g, want %g", op, x, y, d[0], want)
				}
				worst = max(worst, e)
			}
		}
		t.Logf("%v: %.3f ulp", op, worst)
	}
}

// TestFloorDiv has the values of torch.floor_divide.
func TestFloorDiv(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	nought := float32(math.Copysign(0, -1))
	x := []float32{5, -5, 5, -5, inf, 1, -1, 1, 0, nought, -1, nan, 1, 0, 7}
	y := []float32{3, 3, -3, -3, 1, inf, inf, 0, 1, 1, 0, 1, -inf, 0, 0.1}
	want := []float32{1, -2, -2, 1, nan, 0, -1, inf, 0, nought, -inf, nan, -1, nan, 69}
	d := make([]float32, len(x))
	generic.Vec.Run(FloorDiv, d, x, y, nil, 0, 0)
	for i := range d {
		if !same(d[i], want[i]) {
			t.Errorf("%g over %g gives %g, want %g", x[i], y[i], d[i], want[i])
		}
	}
}
