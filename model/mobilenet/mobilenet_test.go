package mobilenet

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/modeltest"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
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
	return Config{
		InChannels: 3, Stem: 4, StemStride: 2, Last: 8, Width: 1, Divisor: 1, Classes: 10,
		Stages: []Stage{{1, 3, 1, 1}, {2, 5, 2, 2}},
	}
}

// A step is that of PyTorch's modules.
func TestStep(t *testing.T) { modeltest.Step(t, build(t, tiny()), "testdata/step.safetensors") }

// V2 has the keys of torchvision's mobilenet_v2, and its arithmetic.
func TestV2(t *testing.T) {
	m := build(t, V2())
	tree, err := module.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	n, keys := 0, map[string]shape.Shape{}
	for _, p := range tree.Params {
		n += p.Shape.Size()
		keys[p.Key] = p.Shape
	}
	for _, s := range tree.States {
		keys[s.Key] = s.Shape
	}
	if n != 3504872 || len(keys) != 314 {
		t.Errorf("%d parameters, %d keys; want 3504872 and 314", n, len(keys))
	}
	for key, want := range map[string]shape.Shape{
		"features.0.0.weight":                   shape.Of(32, 3, 3, 3),
		"features.0.1.running_mean":             shape.Of(32),
		"features.1.conv.0.0.weight":            shape.Of(32, 1, 3, 3),
		"features.1.conv.1.weight":              shape.Of(16, 32, 1, 1),
		"features.1.conv.2.num_batches_tracked": shape.Of(),
		"features.17.conv.0.0.weight":           shape.Of(960, 160, 1, 1),
		"features.17.conv.1.0.weight":           shape.Of(960, 1, 3, 3),
		"features.17.conv.2.weight":             shape.Of(320, 960, 1, 1),
		"features.17.conv.3.bias":               shape.Of(320),
		"features.18.0.weight":                  shape.Of(1280, 320, 1, 1),
		"classifier.1.weight":                   shape.Of(1000, 1280),
	} {
		if got, ok := keys[key]; !ok || got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	s, err := nn.Summarize(m, ir.Type{DType: dtype.Float32, Shape: shape.Of(1, 3, 224, 224)})
	if err != nil {
		t.Fatal(err)
	}
	var flops int64
	for _, r := range s.Rows {
		if r.Type == "Conv2d" || r.Type == "Linear" {
			flops += r.Flops
		}
	}
	if want := int64(2*300_774_272 + 1000); flops != want { // the paper's 300 million multiply-adds
		t.Errorf("%d operations, want %d", flops, want)
	}
}

// Channels are rounded as torchvision's _make_divisible rounds them.
func TestChannels(t *testing.T) {
	cfg := V2()
	for _, tc := range []struct {
		n     int
		width float64
		want  int
	}{{16, 1, 16}, {16, 0.1, 8}, {24, 0.5, 16}, {32, 0.35, 16}, {24, 1.4, 32}, {160, 0.75, 120}, {1280, 1.4, 1792}, {64, 0.15, 16}} {
		if got := cfg.channels(tc.n, tc.width); got != tc.want {
			t.Errorf("%d times %v gives %d, want %d", tc.n, tc.width, got, tc.want)
		}
	}
	cfg.Width = 0.5
	m := build(t, cfg)
	if got := m.Features.Modules[18].(*nn.Sequential).Modules[0].(*nn.Conv2d).Config.Out; got != 1280 {
		t.Errorf("a narrow net ends in %d channels, want 1280", got)
	}
}

func TestConfig(t *testing.T) {
	for i, tc := range []struct {
		edit func(c *Config)
		want []string
	}{
		{func(c *Config) { *c = Config{} }, []string{"in channels must be in 1..1048576, got 0", "stem must", "stem stride must be in 1..2, got 0", "last must", "divisor must", "classes must", "width must be above 0"}},
		{func(c *Config) { c.Stages[1] = Stage{} }, []string{"stage 1: expand must", "stage 1: channels must", "stage 1: blocks must be in 1..1000, got 0", "stage 1: stride must be in 1..2, got 0"}},
		{func(c *Config) { c.Dropout = 2 }, []string{"mobilenet: dropout: probability 2"}},
		{func(c *Config) { c.Stem = 1 << 58 }, []string{"mobilenet: stem must"}},
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
	_, err := nn.Summarize(build(t, tiny()), ir.Type{DType: dtype.Float32, Shape: shape.Of(2, 1, 32, 32)})
	if err == nil || !strings.Contains(err.Error(), "; at features.0.0 (mobilenet_test.go:") {
		t.Errorf("error %v", err)
	}
}
