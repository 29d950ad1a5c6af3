package efficientnet

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
		InChannels: 3, Stem: 8, StemStride: 2, Width: 1, Depth: 1, Divisor: 8, Classes: 10, Norm: block.DefaultNorm(),
		Stages: []Stage{{false, 1, 3, 1, 8, 1}, {false, 2, 5, 2, 8, 2}},
	}
}

// A step is that of torchvision's network.
func TestStep(t *testing.T) {
	modeltest.Step(t, build(t, tiny()), "testdata/step.safetensors")
	cfg := tiny()
	cfg.Stages, cfg.Last = []Stage{{true, 1, 3, 1, 8, 1}, {true, 2, 3, 2, 8, 2}, {false, 2, 3, 1, 8, 1}}, new(12)
	modeltest.Step(t, build(t, cfg), "testdata/v2_step.safetensors")
}

// The probability that a block is left out grows from block to block: i/16 of 0.2
// in B0, as torchvision's.
func TestDropPath(t *testing.T) {
	i := 0
	for _, stage := range build(t, B0()).Features.Modules[1:8] {
		for _, b := range stage.(*nn.Sequential).Modules {
			if got, want := b.(*Block).DropPath.P, 0.2*float64(i)/16; got != want {
				t.Errorf("block %d is left out with probability %v, want %v", i, got, want)
			}
			i++
		}
	}
	if i != 16 {
		t.Errorf("%d blocks, want 16", i)
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
		{"b0", B0(), shape.Of(1, 3, 224, 224), 771_639_844},
		{"v2_s", V2S(), shape.Of(1, 3, 384, 384), 16_731_270_496},
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
		{func(c *Config) { *c = Config{} }, []string{"efficientnet: in_channels must", "stem must", "stem_stride must", "stages: their number must", "divisor must", "classes must", "width must be above 0", "depth must be above 0"}},
		{func(c *Config) { c.Stages[1] = Stage{Kernel: 2} }, []string{"stages.1.expand must be above 0", "stages.1.kernel must be odd and in 1..1023, got 2", "stages.1.stride must", "stages.1.channels must", "stages.1.blocks must"}},
		{func(c *Config) { c.Dropout, c.DropPath, c.Last = 2, -1, new(0) }, []string{"dropout: probability 2", "drop_path: probability -1", "last must be in 1..1048576, got 0"}},
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
	if err == nil || !strings.Contains(err.Error(), "; at features.0.0 (efficientnet_test.go:") {
		t.Errorf("error %v", err)
	}
}
