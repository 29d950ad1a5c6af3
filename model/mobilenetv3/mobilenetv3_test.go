package mobilenetv3

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/model/modeltest"
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
		InChannels: 3, Stem: 8, StemStride: 2, Hidden: 8, Width: 1, Divisor: 8, Classes: 10, Norm: block.Norm{Eps: 1e-3, Momentum: 0.01},
		Residuals: []Residual{{3, 8, 8, false, false, 1}, {5, 16, 8, true, false, 1}, {3, 16, 8, false, true, 2}, {5, 8, 8, true, true, 1}},
	}
}

// A step is that of torchvision's network.
func TestStep(t *testing.T) { modeltest.Step(t, build(t, tiny()), "testdata/step.safetensors") }

// The arithmetic of convolutions and linear layers, as hooks of torchvision's
// network count it.
func TestFlops(t *testing.T) {
	for _, tc := range []struct {
		name  string
		cfg   Config
		image shape.Shape
		want  int64
	}{
		{"large", Large(), shape.Of(1, 3, 224, 224), 433_186_880},
		{"small", Small(), shape.Of(1, 3, 224, 224), 113_025_712},
	} {
		s, err := nn.Summarize(build(t, tc.cfg), ir.Type{DType: dtype.Float32, Shape: tc.image})
		if err != nil {
			t.Fatal(err)
		}
		var flops int64
		for _, r := range s.Rows {
			if r.Type == "Conv2d" || r.Type == "Linear" {
				flops += r.Flops
			}
		}
		if got := s.Rows[0].Output.Shape; flops != tc.want || got != shape.Of(1, tc.cfg.Classes) {
			t.Errorf("%s: %d operations, want %d; logits %v", tc.name, flops, tc.want, got)
		}
	}
}

func TestConfig(t *testing.T) {
	for i, tc := range []struct {
		edit func(c *Config)
		want []string
	}{
		{func(c *Config) { *c = Config{} }, []string{"mobilenet_v3: in_channels must", "stem must", "stem_stride must", "residuals: their number must be in 1..1000, got 0", "hidden must", "divisor must", "classes must", "width must be above 0"}},
		{func(c *Config) { c.Residuals[1] = Residual{Kernel: 4} }, []string{"residuals.1.kernel must be odd and in 1..1023, got 4", "residuals.1.expanded must", "residuals.1.channels must", "residuals.1.stride must be in 1..2, got 0"}},
		{func(c *Config) { c.Dropout, c.Norm = 2, block.Norm{Eps: -1, Momentum: 2} }, []string{"dropout: probability 2", "eps must not be negative, got -1", "momentum must be in 0..1, got 2"}},
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
	_, err := nn.Summarize(build(t, tiny()), ir.Type{DType: dtype.Float32, Shape: shape.Of(2, 1, 16, 16)})
	if err == nil || !strings.Contains(err.Error(), "; at features.0.0 (mobilenetv3_test.go:") {
		t.Errorf("error %v", err)
	}
}
