package resnet

import (
	"os"
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

// A step is that of torchvision's blocks.
func TestStep(t *testing.T) {
	basic := ResNet20()
	basic.Widths, basic.Blocks = []int{4, 8}, []int{1, 1}
	bottleneck := Config{InChannels: 3, Stem: LargeStem, Widths: []int{3, 4}, Blocks: []int{2, 1}, Bottleneck: true, Groups: 1, GroupWidth: 64, Classes: 10}
	groups := Config{InChannels: 3, Stem: SmallStem, Widths: []int{4}, Blocks: []int{2}, Bottleneck: true, Groups: 2, GroupWidth: 32, Classes: 10}
	modeltest.Step(t, build(t, basic), "../../nn/testdata/resnet_step.safetensors")
	modeltest.Step(t, build(t, bottleneck), "testdata/bottleneck_step.safetensors")
	modeltest.Step(t, build(t, groups), "testdata/groups_step.safetensors")
}

// Files in testdata list key and shape of torchvision's networks, in the order
// of their state dicts.
func TestKeys(t *testing.T) {
	for name, cfg := range map[string]Config{"resnet18": ResNet18(), "resnet50": ResNet50()} {
		list, err := os.ReadFile("testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for line := range strings.Lines(string(list)) {
			key, dims, _ := strings.Cut(strings.TrimSpace(line), " ")
			want[key] = dims
		}
		tree, err := module.Walk(build(t, cfg))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		check := func(key string, typ ir.Type) {
			n++
			if got := typ.Shape.String(); got != want[key] {
				t.Errorf("%s: %s is %s, want %q", name, key, got, want[key])
			}
		}
		for _, p := range tree.Params {
			check(p.Key, p.Type())
		}
		for _, s := range tree.States {
			check(s.Key, s.Type())
		}
		if n != len(want) {
			t.Errorf("%s: %d keys, want %d", name, n, len(want))
		}
	}
}

func TestSizes(t *testing.T) {
	for _, tc := range []struct {
		name          string
		cfg           Config
		image, logits shape.Shape
		params        int
		flops         int64 // of the convolutions and the last layer with its bias: by hand, and as hooks of torchvision's count them
	}{
		{"20", ResNet20(), shape.Of(2, 3, 32, 32), shape.Of(2, 10), 272474, 4*40_813_184 + 2*10},
		{"18", ResNet18(), shape.Of(1, 3, 224, 224), shape.Of(1, 1000), 11689512, 2*1_814_073_344 + 1000},
		{"34", ResNet34(), shape.Of(1, 3, 224, 224), shape.Of(1, 1000), 21797672, 2*3_663_761_408 + 1000},
		{"50", ResNet50(), shape.Of(1, 3, 224, 224), shape.Of(1, 1000), 25557032, 2*4_089_184_256 + 1000},
		{"101", ResNet101(), shape.Of(1, 3, 224, 224), shape.Of(1, 1000), 44549160, 2*7_801_405_440 + 1000},
		{"152", ResNet152(), shape.Of(1, 3, 224, 224), shape.Of(1, 1000), 60192808, 2*11_513_626_624 + 1000},
	} {
		s, err := nn.Summarize(build(t, tc.cfg), ir.Type{DType: dtype.Float32, Shape: tc.image})
		if err != nil {
			t.Fatal(err)
		}
		if s.Rows[0].Output.Shape != tc.logits || s.Params != tc.params {
			t.Errorf("%s: logits %v and %d parameters, want %v and %d", tc.name, s.Rows[0].Output.Shape, s.Params, tc.logits, tc.params)
		}
		var flops int64
		for _, r := range s.Rows {
			if r.Type == "Conv2d" || r.Type == "Linear" {
				flops += r.Flops
			}
		}
		if flops != tc.flops {
			t.Errorf("%s: %d operations, want %d", tc.name, flops, tc.flops)
		}
	}
}

func TestConfig(t *testing.T) {
	for i, tc := range []struct {
		edit func(c *Config)
		want []string
	}{
		{func(c *Config) { *c = Config{} }, []string{"no stem", "widths and blocks"}},
		{func(c *Config) { c.InChannels = 0; c.Classes = 0 }, []string{"stem: in must be", "fc: out must be"}},
		{func(c *Config) { c.Blocks = []int{1, 0} }, []string{"widths and blocks must name the same stages", "a stage must have 1 to 1000 blocks, got 0"}},
		{func(c *Config) { c.Widths[1] = 0 }, []string{"width 0"}},
		{func(c *Config) { c.Widths, c.Bottleneck = []int{16, 1 << 30, 64}, true }, []string{"width 1073741824: shape"}},
		{func(c *Config) { c.InChannels = 1 << 58 }, []string{"stem: shape"}},
		{func(c *Config) { c.Groups = 0 }, []string{"groups and group_width must be in 1..4096, got 0 and 64"}},
		{func(c *Config) { c.Groups = 2 }, []string{"groups and group_width need bottlenecks, and are 1 and 64 without, got 2 and 64"}},
		{func(c *Config) { c.Bottleneck, c.GroupWidth = true, 2 }, []string{"width 16 of groups: in must be at least 1, got 0"}},
	} {
		cfg := ResNet20()
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
	_, err := nn.Summarize(build(t, ResNet20()), ir.Type{DType: dtype.Float32, Shape: shape.Of(2, 1, 32, 32)})
	if err == nil || !strings.Contains(err.Error(), "; at conv1 (resnet_test.go:") {
		t.Errorf("error %v", err)
	}
}
