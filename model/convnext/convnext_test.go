package convnext

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
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
	return Config{InChannels: 3, Patch: 4, Widths: []int{4, 6}, Blocks: []int{1, 2}, LayerScale: 1e-6, Eps: 1e-6, Classes: 10}
}

// A step is that of torchvision's network.
func TestStep(t *testing.T) { modeltest.Step(t, build(t, tiny()), "testdata/step.safetensors") }

// The probability that a block is left out grows from 0 to that of the config.
func TestDropPath(t *testing.T) {
	i := 0
	for _, m := range build(t, Tiny()).Features.Modules {
		for _, m := range m.(*nn.Sequential).Modules {
			b, ok := m.(*Block)
			if !ok {
				continue
			}
			if got, want := b.DropPath.P, 0.1*float64(i)/17; got != want {
				t.Errorf("block %d is left out with probability %v, want %v", i, got, want)
			}
			i++
		}
	}
	if i != 18 {
		t.Errorf("%d blocks, want 18", i)
	}
}

// The arithmetic of convolutions and linear layers, as hooks of torchvision's
// network count it.
func TestFlops(t *testing.T) {
	for _, tc := range []struct {
		name  string
		cfg   Config
		image shape.Shape
		want  int64
	}{
		{"tiny", Tiny(), shape.Of(1, 3, 224, 224), 8_924_498_152},
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
		{func(c *Config) { *c = Config{} }, []string{"convnext: in_channels must", "patch must", "widths and blocks must name the same stages", "classes must"}},
		{func(c *Config) { c.Eps, c.DropPath, c.LayerScale = -1, 2, math.Inf(1) }, []string{"eps must not be negative, got -1", "drop_path: probability 2", "layer_scale must be finite, got +Inf"}},
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
	if err == nil || !strings.Contains(err.Error(), "; at features.0.0 (convnext_test.go:") {
		t.Errorf("error %v", err)
	}
}
