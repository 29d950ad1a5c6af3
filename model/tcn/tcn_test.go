package tcn

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/modeltest"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/nn"
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

func TestStep(t *testing.T) {
	for _, name := range []string{"step", "each_step", "series_step"} {
		path := "testdata/" + name + ".safetensors"
		var cases map[string]Config
		moduletest.Open(t, path).Cases(&cases)
		modeltest.Step(t, build(t, cases["tcn"]), path)
	}
}

// A result depends on its own step and as many before it as Sees says, and a text
// gives the same alone and filled up.
func TestSees(t *testing.T) {
	cfg := Config{InChannels: 1, Channels: []int{3, 3}, Kernel: 3, Each: true, Outputs: 1}
	m := build(t, cfg)
	moduletest.Double(t, m)
	s := moduletest.NewStore(t, m, 1)
	const steps, changed = 20, 4
	run := func(x *tensor.Tensor) *tensor.Tensor {
		return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value { return []*ir.Value{m.Forward(c, in[0])} }, x)[0]
	}
	x := tensor.New(dtype.Float64, shape.Of(1, steps, 1))
	for i := range steps {
		x.SetFloat(i, 1+0.1*float64(i))
	}
	before := run(x).Clone()
	x.SetFloat(changed, -3)
	after := run(x)
	if cfg.Sees() != 13 {
		t.Errorf("sees %d steps, want 13", cfg.Sees())
	}
	for i := range steps {
		differs := before.Float(i) != after.Float(i)
		if (i < changed || i >= changed+cfg.Sees()) && differs {
			t.Errorf("step %d sees step %d", i, changed)
		}
		if (i == changed || i == changed+cfg.Sees()-1) && !differs {
			t.Errorf("step %d doesn't see step %d", i, changed)
		}
	}
}

func TestPadding(t *testing.T) {
	m := build(t, Config{Vocabulary: 9, Width: 5, Channels: []int{4, 4}, Kernel: 2, PaddingIdx: new(0), Outputs: 3})
	s := moduletest.NewStore(t, m, 1)
	logits := func(tokens ...int64) *tensor.Tensor {
		x := tensor.New(dtype.Int64, shape.Of(1, len(tokens)))
		for i, v := range tokens {
			x.SetInt(i, v)
		}
		return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value { return []*ir.Value{m.Forward(c, in[0])} }, x)[0]
	}
	moduletest.Near(t, "filled up", logits(4, 7, 0, 0, 0), logits(4, 7))
	moduletest.Near(t, "padding alone", logits(0, 0), logits(0))
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want []string
	}{
		{Config{Channels: []int{0}, Dropout: -1}, []string{
			"tcn: one of vocabulary, for tokens, and in_channels, for numbers, must be 0, got 0 and 0", "channels.0 must be in 1..1048576, got 0",
			"kernel must", "dropout: probability -1 is outside 0..1", "outputs must"}},
		{Config{Vocabulary: 3, PaddingIdx: new(3)}, []string{"width must", "padding_idx 3 is not one of the 3 tokens", "channels must name 1 to 24 blocks, got 0"}},
		{Config{InChannels: 3, PaddingIdx: new(3)}, []string{"padding_idx is for tokens, and numbers are read"}},
	} {
		_, err := New(tc.cfg)
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is missing in %v", want, err)
			}
		}
	}
}

func TestWrongTokens(t *testing.T) {
	_, err := nn.Summarize(build(t, Config{Vocabulary: 10, Width: 4, Channels: []int{4}, Kernel: 2, Outputs: 2}), ir.Type{DType: dtype.Int64, Shape: shape.Of(2)})
	if err == nil || !strings.Contains(err.Error(), "tcn: wants tokens [B T]") {
		t.Errorf("error %v", err)
	}
}
