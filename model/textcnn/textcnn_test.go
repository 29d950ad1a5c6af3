package textcnn

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
	for _, name := range []string{"step", "padding_step"} {
		path := "testdata/" + name + ".safetensors"
		var cases map[string]Config
		moduletest.Open(t, path).Cases(&cases)
		modeltest.Step(t, build(t, cases["textcnn"]), path)
	}
}

// A text gives the same alone and filled up, and a text that is shorter than all
// convolutions gives something.
func TestPadding(t *testing.T) {
	cfg := Config{Vocabulary: 9, Width: 5, Kernels: []int{3, 4}, Channels: 6, Dropout: 0, PaddingIdx: new(0), Classes: 3}
	m := build(t, cfg)
	s := moduletest.NewStore(t, m, 1)
	logits := func(tokens ...int64) *tensor.Tensor {
		x := tensor.New(dtype.Int64, shape.Of(1, len(tokens)))
		for i, v := range tokens {
			x.SetInt(i, v)
		}
		return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value { return []*ir.Value{m.Forward(c, in[0])} }, x)[0]
	}
	short, nothing := logits(4, 7), logits(0)
	moduletest.Near(t, "filled up", logits(4, 7, 0, 0, 0, 0, 0), short)
	moduletest.Near(t, "padding alone", logits(0, 0, 0, 0, 0), nothing)
	if short.Float(0) == nothing.Float(0) {
		t.Error("a text of two tokens counts for nothing")
	}
}

func TestConfig(t *testing.T) {
	_, err := New(Config{Kernels: []int{0}, Dropout: -1, PaddingIdx: new(3)})
	for _, want := range []string{
		"textcnn: vocabulary must be in 1..268435456, got 0", "width must", "padding_idx 3 is not one of the 0 tokens",
		"kernels.0 must be in 1..1024, got 0", "channels must", "dropout: probability -1 is outside 0..1", "classes must",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "kernels must name at least one width") {
		t.Errorf("error %v", err)
	}
}

func TestWrongTokens(t *testing.T) {
	_, err := nn.Summarize(build(t, Kim(10, 2)), ir.Type{DType: dtype.Int64, Shape: shape.Of(2)})
	if err == nil || !strings.Contains(err.Error(), "textcnn: wants tokens [B T]") {
		t.Errorf("error %v", err)
	}
}
