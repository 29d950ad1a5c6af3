package nn

import (
	"math"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func filled(init Init, dims ...int) *tensor.Tensor {
	v := tensor.New(dtype.Float64, shape.Of(dims...))
	init(rng.NewStream(7, "w", 0), v)
	return v
}

// Gains are those of torch.nn.init.calculate_gain.
func TestGainByName(t *testing.T) {
	for name, want := range map[string]float64{"linear": 1, "conv_transpose2d": 1, "sigmoid": 1, "tanh": 5.0 / 3, "relu": math.Sqrt2, "selu": 0.75, "leaky_relu": math.Sqrt(2 / 1.09)} {
		if got, err := Gain(name, 0.3); err != nil || math.Abs(got-want) > 1e-15 {
			t.Errorf("%s: %v and %v, want %v", name, got, err, want)
		}
	}
	if _, err := Gain("swish", 0); err == nil {
		t.Error("there is a gain of swish")
	}
}

// Mean and deviation of a normal distribution cut off, by the formulas.
func TestTruncNormal(t *testing.T) {
	density := func(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
	below := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	for _, tc := range []struct{ mean, std, lo, hi float64 }{{0, 1, -2, 2}, {0.5, 0.3, 0, 0.6}, {-1, 2, 0, 1}, {0, 0.02, -2, 2}} {
		a, b := (tc.lo-tc.mean)/tc.std, (tc.hi-tc.mean)/tc.std
		z := below(b) - below(a)
		m := (density(a) - density(b)) / z
		variance := 1 + (a*density(a)-b*density(b))/z - m*m
		wantMean, wantStd := tc.mean+tc.std*m, tc.std*math.Sqrt(variance)
		v := filled(TruncNormal(tc.mean, tc.std, tc.lo, tc.hi), 200, 300)
		mean, std, lo, hi := moments(v)
		n := float64(v.Size())
		if math.Abs(mean-wantMean) > 5*wantStd/math.Sqrt(n) || math.Abs(std/wantStd-1) > 5/math.Sqrt(n) || lo < tc.lo || hi > tc.hi {
			t.Errorf("%+v: mean %v, deviation %v, from %v to %v; want mean %v and deviation %v", tc, mean, std, lo, hi, wantMean, wantStd)
		}
	}
}

func TestOrthogonal(t *testing.T) {
	for _, dims := range [][]int{{7, 7}, {5, 9}, {9, 5}, {4, 3, 2, 2}, {1, 6}} {
		v := filled(Orthogonal(1.5), dims...)
		rows := dims[0]
		cols := v.Size() / rows
		at := func(i, j int) float64 { return v.Float(i*cols + j) }
		n, length := rows, cols
		if rows > cols {
			n, length = cols, rows
			at = func(i, j int) float64 { return v.Float(j*cols + i) }
		}
		for i := range n {
			for k := range n {
				var sum float64
				for j := range length {
					sum += at(i, j) * at(k, j)
				}
				want := 0.0
				if i == k {
					want = 2.25
				}
				if math.Abs(sum-want) > 1e-12 {
					t.Errorf("%v: the product of %d and %d is %v", dims, i, k, sum)
				}
			}
		}
	}
	// All directions are alike: no element is positive more often than negative.
	positive := 0
	r := rng.NewStream(1, "many", 0)
	for range 2000 {
		v := tensor.New(dtype.Float64, shape.Of(3, 3))
		Orthogonal(1)(r, v)
		if v.Float(0) > 0 {
			positive++
		}
	}
	if positive < 850 || positive > 1150 {
		t.Errorf("the first element is positive %d times of 2000", positive)
	}
}

func TestSparse(t *testing.T) {
	v := filled(Sparse(0.33, 2), 10, 400)
	var sum float64
	first := map[int]int{}
	for j := range 400 {
		zeros := 0
		for i := range 10 {
			if x := v.Float(i*400 + j); x == 0 {
				if zeros == 0 {
					first[i]++
				}
				zeros++
			} else {
				sum += x * x / (6 * 400)
			}
		}
		if zeros != 4 {
			t.Fatalf("column %d has %d zeros, want 4", j, zeros)
		}
	}
	if math.Abs(math.Sqrt(sum)-2) > 0.15 || len(first) < 5 {
		t.Errorf("deviation %v; the first zero stands in %d rows", math.Sqrt(sum), len(first))
	}
}

func TestEyeAndDirac(t *testing.T) {
	moduletest.Near(t, "eye", filled(Eye(), 2, 3), tensor.Must(tensor.Of([]float64{1, 0, 0, 0, 1, 0}, 2, 3)))
	moduletest.Near(t, "dirac", filled(Dirac(1), 2, 3, 3), tensor.Must(tensor.Of([]float64{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 2, 3, 3)))
	// A convolution that starts so passes the middle of an image on.
	cfg := DefaultConv2d(4, 4, 3)
	cfg.Groups, cfg.Bias, cfg.Same = 2, false, true
	l := cfg.Build()
	l.Weight.Init = Dirac(2)
	x := random(2, 4, 5, 6)
	y, _ := forward(t, moduletest.NewStore(t, l, 0), l, x)
	moduletest.Near(t, "convolution", y, x)
}
