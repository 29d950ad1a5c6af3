package vgg

import (
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
	return Config{InChannels: 3, Widths: []int{4, 6}, Blocks: []int{1, 2}, Grid: 2, Hidden: 8, Classes: 10}
}

// A step is that of torchvision's network.
func TestStep(t *testing.T) {
	modeltest.Step(t, build(t, tiny()), "testdata/step.safetensors")
	cfg := tiny()
	cfg.BatchNorm = true
	modeltest.Step(t, build(t, cfg), "testdata/norm_step.safetensors")
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
		{"16", VGG16(), shape.Of(1, 3, 224, 224), 30_954_085_352},
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
		{func(c *Config) { *c = Config{} }, []string{"vgg: in_channels must be in 1..1048576, got 0", "widths and blocks must name the same stages", "grid must", "hidden must", "classes must"}},
		{func(c *Config) { c.Widths, c.Blocks = []int{4, 0}, []int{0, 1, 1} }, []string{"same stages, at least one, got [4 0] and [0 1 1]", "widths.1 must", "blocks.0 must be in 1..1000, got 0"}},
		{func(c *Config) { c.Dropout = 2 }, []string{"vgg: dropout: probability 2 is outside 0..1"}},
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
	if err == nil || !strings.Contains(err.Error(), "; at features.0 (vgg_test.go:") {
		t.Errorf("error %v", err)
	}
}
