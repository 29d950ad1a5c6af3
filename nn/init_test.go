package nn

import (
	"math"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// moments are mean, standard deviation, smallest and largest element.
func moments(t *tensor.Tensor) (mean, std, lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	n := float64(t.Size())
	for i := range t.Size() {
		x := t.Float(i)
		mean += x / n
		lo, hi = min(lo, x), max(hi, x)
	}
	for i := range t.Size() {
		std += (t.Float(i) - mean) * (t.Float(i) - mean) / n
	}
	return mean, math.Sqrt(std), lo, hi
}

func TestInits(t *testing.T) {
	dims := []int{64, 20, 3, 5} // fan in 300, fan out 960
	for _, dt := range []dtype.DType{dtype.Float32, dtype.Float64} {
		for _, tc := range []struct {
			name   string
			init   Init
			mean   float64
			spread float64 // half of the range of a uniform, deviation of a normal
			normal bool
		}{
			{"uniform", Uniform(-1, 3), 1, 2, false},
			{"normal", Normal(2, 0.5), 2, 0.5, true},
			{"kaiming uniform", KaimingUniform(FanIn, LeakyReLUGain(math.Sqrt(5))), 0, 1 / math.Sqrt(300), false},
			{"kaiming uniform out", KaimingUniform(FanOut, ReLUGain), 0, math.Sqrt(6.0 / 960), false},
			{"kaiming normal", KaimingNormal(FanIn, ReLUGain), 0, math.Sqrt(2.0 / 300), true},
			{"kaiming normal out", KaimingNormal(FanOut, LinearGain), 0, math.Sqrt(1.0 / 960), true},
			{"xavier uniform", XavierUniform(TanhGain), 0, 5.0 / 3 * math.Sqrt(6.0/1260), false},
			{"xavier normal", XavierNormal(LinearGain), 0, math.Sqrt(2.0 / 1260), true},
		} {
			v := tensor.New(dt, shape.Of(dims...))
			tc.init(rng.NewStream(7, tc.name, 0), v)
			mean, std, lo, hi := moments(v)
			n := float64(v.Size())
			want := tc.spread
			if !tc.normal {
				want /= math.Sqrt(3)
				// all inside, and both ends reached but for about 1 in 19200 elements
				const eps = 1e-6
				if lo < tc.mean-tc.spread-eps || hi > tc.mean+tc.spread+eps || hi-lo < 2*tc.spread*(1-20/n) {
					t.Errorf("%s %v: range %v to %v, want %v around %v", tc.name, dt, lo, hi, tc.spread, tc.mean)
				}
			}
			if math.Abs(mean-tc.mean) > 5*want/math.Sqrt(n) || math.Abs(std/want-1) > 5/math.Sqrt(n) {
				t.Errorf("%s %v: mean %v and deviation %v, want %v and %v", tc.name, dt, mean, std, tc.mean, want)
			}
		}
	}
}

func TestConstantInits(t *testing.T) {
	for want, init := range map[float64]Init{0: Zeros(), 1: Ones(), -2.5: Constant(-2.5)} {
		v := tensor.New(dtype.Float32, shape.Of(2, 3))
		init(nil, v)
		if _, _, lo, hi := moments(v); lo != want || hi != want {
			t.Errorf("range %v to %v, want %v", lo, hi, want)
		}
	}
}

// Gains as torch.nn.init.calculate_gain has them.
func TestGains(t *testing.T) {
	for _, tc := range []struct{ got, want float64 }{{LeakyReLUGain(0), ReLUGain}, {LeakyReLUGain(1), 1}, {LeakyReLUGain(0.01), 1.4141428569978354}} {
		if math.Abs(tc.got-tc.want) > 1e-15 {
			t.Errorf("gain %v, want %v", tc.got, tc.want)
		}
	}
}

// The distributions that PyTorch's layers start from.
func TestLayersStartAs(t *testing.T) {
	conv := DefaultConv2d(32, 64, 3)
	conv.Groups = 2
	padded := DefaultEmbedding(200, 50)
	padded.PaddingIdx = new(3)
	for _, tc := range []struct {
		name         string
		layer        Forwarder
		weight, bias float64 // limit of the uniform distribution; 0 where it is another
	}{
		{"linear", NewLinear(100, 300), 0.1, 0.1},
		{"conv1d", NewConv1d(20, 100, 5), 0.1, 0.1},
		{"conv2d", NewConv2d(16, 64, 5), 0.05, 0.05},
		{"conv2d of groups", conv.Build(), 1.0 / 12, 1.0 / 12},
		{"conv transpose2d", NewConvTranspose2d(16, 64, 5), 0.025, 0.025},
		{"embedding", NewEmbedding(200, 50), 0, 0},
		{"embedding with padding", padded.Build(), 0, 0},
	} {
		tree, err := module.Walk(tc.layer)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range tree.Params {
			v := tensor.New(p.DType, p.Shape)
			p.Init(rng.NewStream(1, p.Key, 0), v)
			mean, std, lo, hi := moments(v)
			limit := []float64{tc.weight, tc.bias}[i]
			if limit == 0 {
				if math.Abs(mean) > 0.05 || math.Abs(std-1) > 0.05 {
					t.Errorf("%s %s: mean %v and deviation %v", tc.name, p.Key, mean, std)
				}
			} else if lo < -limit-1e-7 || hi > limit+1e-7 || hi-lo < 1.85*limit {
				t.Errorf("%s %s: range %v to %v, want %v", tc.name, p.Key, lo, hi, limit)
			}
		}
	}
	v := tensor.New(dtype.Float32, shape.Of(200, 50))
	padded.Build().Weight.Init(rng.NewStream(1, "weight", 0), v)
	if mean, std, _, _ := moments(v.Rows(3, 4)); mean != 0 || std != 0 {
		t.Error("the padding vector does not start at 0")
	}
	for key, want := range map[string]float64{"weight": 1, "bias": 0, "running_var": 1, "running_mean": 0} {
		l := NewBatchNorm2d(3)
		init := map[string]Init{"weight": l.Weight.Init, "bias": l.Bias.Init, "running_var": l.RunningVar.Init, "running_mean": l.RunningMean.Init}[key]
		v := tensor.New(dtype.Float32, shape.Of(3))
		if init != nil {
			init(nil, v)
		}
		if v.Float(2) != want {
			t.Errorf("batch norm's %s starts at %v", key, v.Float(2))
		}
	}
}
