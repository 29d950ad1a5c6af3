package rng

import (
	"math"
	"slices"
	"testing"
)

// probabilities of the quantiles below, which mpmath 1.3.0 computed from the
// regularised incomplete functions by bisection.
var probabilities = []float64{0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999}

// draws checks a distribution against mean, variance, fourth central moment
// (for the error of the variance) and quantiles.
func draws(t *testing.T, name string, draw func() float64, mean, variance float64, quantiles []float64) {
	t.Helper()
	const n = 200000
	x := make([]float64, n)
	for i := range x {
		x[i] = draw()
	}
	m, v, _, k := moments(x)
	if se := math.Sqrt(variance / n); math.Abs(m-mean) > 5*se {
		t.Errorf("%s: mean %v, want %v within %v", name, m, mean, 5*se)
	}
	if se := variance * math.Sqrt((k-1)/n); math.Abs(v-variance) > 5*se {
		t.Errorf("%s: variance %v, want %v within %v", name, v, variance, 5*se)
	}
	slices.Sort(x)
	for i, p := range probabilities {
		below, _ := slices.BinarySearch(x, quantiles[i])
		if se := math.Sqrt(p * (1 - p) / n); math.Abs(float64(below)/n-p) > 5*se {
			t.Errorf("%s: %v of the draws are below %v, want %v within %v", name, float64(below)/n, quantiles[i], p, 5*se)
		}
	}
}

func TestGamma(t *testing.T) {
	for _, c := range []struct {
		a         float64
		quantiles []float64
	}{
		{0.1, []float64{6.073048362407884e-31, 5.930711291414271e-14, 5.791713294969602e-07, 0.0005933911044602259, 0.035306358073558294, 0.5804351053231344, 3.3636770117187536}},
		{0.5, []float64{7.85398574631245e-07, 0.0019660700000097616, 0.050765522133810775, 0.2274682115597864, 0.661651848465733, 1.9207294103470622, 5.4137830853313655}},
		{1, []float64{0.0010005003335835335, 0.051293294387550536, 0.2876820724517809, 0.6931471805599453, 1.3862943611198906, 2.99573227355399, 6.907755278982136}},
		{2.5, []float64{0.10510630131460959, 0.5727381130308846, 1.3373014047160816, 2.1757300955477636, 3.312839881914625, 5.535248846758176, 10.257502826216438}},
		{40, []float64{23.25993796458378, 30.195739194344732, 35.572254287792006, 39.6671650106891, 44.06512887707108, 50.93973698271794, 62.41961200788239}},
	} {
		s := NewStream(1, "gamma", math.Float64bits(c.a))
		draws(t, "gamma", func() float64 { return s.Gamma(c.a) }, c.a, c.a, c.quantiles)
	}
}

func TestBeta(t *testing.T) {
	for _, c := range []struct {
		a, b      float64
		quantiles []float64
	}{
		{0.2, 0.2, []float64{2.4780562448634306e-14, 7.743885786452429e-06, 0.023814718768253695, 0.5, 0.9761852812317463, 0.9999922561142135, 0.9999999999999752}},
		{1, 1, []float64{0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999}},
		{0.4, 3, []float64{8.644239698482137e-09, 0.0001528433801627061, 0.008648528962651145, 0.05205113850865409, 0.16954000858617155, 0.4562746741632886, 0.8395417831532379}},
		{5, 2, []float64{0.18138613308086604, 0.4181965907479741, 0.6105205147992756, 0.7355500167043401, 0.8388370832096734, 0.9371501082916456, 0.9917445072122533}},
	} {
		s := NewStream(1, "beta", math.Float64bits(c.a))
		sum := c.a + c.b
		draws(t, "beta", func() float64 { return s.Beta(c.a, c.b) }, c.a/sum, c.a*c.b/(sum*sum*(sum+1)), c.quantiles)
	}
}

// Shapes so small that both gamma numbers are 0 in a float64 still give a beta
// number: one end or the other, as often.
func TestBetaOfTinyShapes(t *testing.T) {
	s := NewStream(1, "tiny", 0)
	ones := 0
	for range 10000 {
		switch x := s.Beta(1e-4, 1e-4); {
		case !(x >= 0 && x <= 1):
			t.Fatalf("%v", x)
		case x > 0.5:
			ones++
		}
	}
	if math.Abs(float64(ones)-5000) > 5*50 {
		t.Errorf("%d of 10000 are above one half", ones)
	}
}

func TestBernoulli(t *testing.T) {
	s := NewStream(1, "coin", 0)
	for _, p := range []float64{0, 0.3, 1} {
		n := 0
		for range 10000 {
			if s.Bernoulli(p) {
				n++
			}
		}
		if math.Abs(float64(n)-10000*p) > 5*math.Sqrt(10000*p*(1-p)) {
			t.Errorf("p = %v: %d of 10000", p, n)
		}
	}
}

func TestGammaOfNoShape(t *testing.T) {
	for _, a := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("shape %v is taken", a)
				}
			}()
			NewStream(1, "", 0).Gamma(a)
		}()
	}
}
