package unet

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

func tiny() Config { return Config{InChannels: 3, Widths: []int{4, 6, 8}, Classes: 10} }

// A step is that of PyTorch's modules; the image is odd where it is halved.
func TestStep(t *testing.T) {
	modeltest.Step(t, build(t, tiny()), "testdata/step.safetensors")
	cfg := tiny()
	cfg.Bilinear = true
	modeltest.Step(t, build(t, cfg), "testdata/bilinear_step.safetensors")
}

func TestConfig(t *testing.T) {
	for i, tc := range []struct {
		edit func(c *Config)
		want []string
	}{
		{func(c *Config) { *c = Config{} }, []string{"unet: in_channels must", "classes must", "widths must be 2 to 20 numbers, got 0"}},
		{func(c *Config) { c.Widths = []int{0, 5} }, []string{"widths.0 must be in 1..1048576, got 0", "widths.1 must be even, got 5"}},
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
	for _, bilinear := range []bool{false, true} {
		cfg := tiny()
		cfg.Bilinear = bilinear
		for dims, want := range map[shape.Shape]string{
			shape.Of(2, 1, 16, 16): "; at inc.double_conv.0 (unet_test.go:",
			shape.Of(2, 3, 2, 16):  "; at down2.maxpool_conv.0 (unet_test.go:",
		} {
			_, err := nn.Summarize(build(t, cfg), ir.Type{DType: dtype.Float32, Shape: dims})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: error %v", dims, err)
			}
		}
	}
}
