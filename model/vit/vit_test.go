package vit

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/modeltest"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func build(t *testing.T, cfg Config) *Model {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func tiny() Config {
	return Config{InChannels: 3, Size: 6, Patch: 3, Layers: 2, Width: 8, Heads: 2, Hidden: 12, Pool: ClassToken, Classes: 5, Eps: 1e-6}
}

// A step is that of PyTorch's modules, with a token of the class and with the mean
// of the patches.
func TestStep(t *testing.T) {
	modeltest.Step(t, build(t, tiny()), "testdata/step.safetensors")
	cfg := tiny()
	cfg.Pool = PatchMean
	modeltest.Step(t, build(t, cfg), "testdata/mean_step.safetensors")
}

// B16 has the parameters of torchvision's vit_b_16.
func TestB16(t *testing.T) {
	tree, err := module.Walk(build(t, B16()))
	if err != nil {
		t.Fatal(err)
	}
	n, keys := 0, map[string]shape.Shape{}
	for _, p := range tree.Params {
		n += p.Shape.Size()
		keys[p.Key] = p.Shape
	}
	if n != 86567656 || len(keys) != 152 {
		t.Errorf("%d parameters under %d keys, want 86567656 under 152", n, len(keys))
	}
	for key, want := range map[string]shape.Shape{
		"class_token":           shape.Of(1, 1, 768),
		"conv_proj.weight":      shape.Of(768, 3, 16, 16),
		"encoder.pos_embedding": shape.Of(1, 197, 768),
		"encoder.layers.encoder_layer_11.self_attention.in_proj_weight": shape.Of(2304, 768),
		"encoder.layers.encoder_layer_0.mlp.3.weight":                   shape.Of(768, 3072),
		"encoder.ln.bias": shape.Of(768),
		"heads.head.bias": shape.Of(1000),
	} {
		if got, ok := keys[key]; !ok || got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}

func TestInit(t *testing.T) {
	s := moduletest.NewStore(t, build(t, Small()), 1)
	for key, want := range map[string]float64{ // standard deviations
		"class_token":           0,
		"conv_proj.weight":      1 / math.Sqrt(48),
		"encoder.pos_embedding": 0.02,
		"encoder.layers.encoder_layer_1.mlp.0.weight": math.Sqrt(2.0 / (192 + 768)),
		"encoder.layers.encoder_layer_1.mlp.3.bias":   1e-6,
		"heads.head.weight":                           0,
	} {
		v, sum := s.Values[key], 0.0
		for i := range v.Size() {
			sum += v.Float(i) * v.Float(i)
		}
		if got := math.Sqrt(sum / float64(v.Size())); math.Abs(got-want) > 0.2*want {
			t.Errorf("%s: standard deviation %v, want %v", key, got, want)
		}
	}
}

// Both dropouts work in training mode, and none in evaluation.
func TestDropout(t *testing.T) {
	for name, set := range map[string]func(c *Config){
		"attention": func(c *Config) { c.AttentionDropout = 0.5 },
		"other":     func(c *Config) { c.Dropout = 0.5 },
	} {
		cfg := tiny()
		set(&cfg)
		m := build(t, cfg)
		m.Head.Weight.Init = nn.Normal(0, 1) // zeros would hide all
		s := moduletest.NewStore(t, m, 3)
		x := tensor.New(dtype.Float32, shape.Of(2, 3, 6, 6))
		nn.Normal(0, 1)(rng.NewStream(1, "x", 0), x)
		run := func() []*tensor.Tensor {
			return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				return []*ir.Value{m.Forward(c.Train(), in[0]), m.Forward(c.Eval(), in[0])}
			}, x)
		}
		a, b := run(), run()
		moduletest.Near(t, name+": evaluation", a[1], b[1])
		if string(a[0].Bytes()) == string(b[0].Bytes()) || string(a[0].Bytes()) == string(a[1].Bytes()) {
			t.Errorf("%s dropout does nothing, or the same in every step", name)
		}
	}
}

func TestConfig(t *testing.T) {
	for i, tc := range []struct {
		edit func(c *Config)
		want []string
	}{
		{func(c *Config) { *c = Config{} }, []string{"conv_proj: in must", "size: an image of 0", "layers: must", "self_attention: width must", "mlp: in must", "head: in must", "pool: there is no \"\"; there are class_token and mean"}},
		{func(c *Config) { c.Patch = 4 }, []string{"vit: size: an image of 6 can't be cut in patches of 4"}},
		{func(c *Config) { c.Heads = 3 }, []string{"vit: self_attention: width 8 can't be split among 3 heads"}},
		{func(c *Config) { c.Dropout, c.AttentionDropout, c.Eps = 2, -1, -1 }, []string{"dropout: probability 2", "self_attention: probability -1", "eps: must not be negative, got -1"}},
	} {
		cfg := tiny()
		tc.edit(&cfg)
		_, err := New(cfg)
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("case %d: %q is missing in %v", i, want, err)
			}
		}
	}
}

func TestWrongImage(t *testing.T) {
	for _, dims := range [][]int{{2, 3, 6, 7}, {2, 1, 6, 6}, {2, 108}} {
		_, err := nn.Summarize(build(t, tiny()), ir.Type{DType: dtype.Float32, Shape: shape.Of(dims...)})
		if err == nil || !strings.Contains(err.Error(), "vit: wants images [B 3 6 6]: input f32") {
			t.Errorf("%v: error %v", dims, err)
		}
	}
}
