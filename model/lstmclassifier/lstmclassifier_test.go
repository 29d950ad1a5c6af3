package lstmclassifier

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
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
	for _, name := range []string{"last_step", "mean_step", "max_step", "full_step"} {
		path := "testdata/" + name + ".safetensors"
		var cases map[string]Config
		moduletest.Open(t, path).Cases(&cases)
		modeltest.Step(t, build(t, cases["lstm_classifier"]), path)
	}
}

// A text gives the same alone and filled up, and one of padding alone gives what
// the linear layer makes of 0.
func TestPadding(t *testing.T) {
	for _, pool := range []Pool{Last, Mean, Max} {
		m := build(t, Config{Vocabulary: 9, Width: 5, Cell: block.LSTM, Hidden: 4, Layers: 2, Bidirectional: true, Pool: pool, PaddingIdx: new(0), Classes: 3})
		s := moduletest.NewStore(t, m, 1)
		logits := func(tokens ...int64) *tensor.Tensor {
			x := tensor.New(dtype.Int64, shape.Of(1, len(tokens)))
			for i, v := range tokens {
				x.SetInt(i, v)
			}
			return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value { return []*ir.Value{m.Forward(c, in[0])} }, x)[0]
		}
		moduletest.Near(t, "filled up", logits(4, 7, 0, 0, 0), logits(4, 7))
		nothing, err := logits(0, 0).Reshape(3)
		if err != nil {
			t.Fatal(err)
		}
		moduletest.Near(t, "padding alone", nothing, s.Values["fc.bias"])
	}
}

func TestConfig(t *testing.T) {
	_, err := New(Config{Cell: "rnn", Pool: "first", Dropout: -1, PaddingIdx: new(3)})
	for _, want := range []string{
		"lstm_classifier: vocabulary must be in 1..268435456, got 0", "width must", "padding_idx 3 is not one of the 0 tokens",
		`cell: there is no "rnn"; there are lstm, gru`, "hidden must", "layers must be in 1..1000, got 0",
		`pool: there is no "first"; there are last, mean, max`, "dropout: probability -1 is outside 0..1", "classes must",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestWrongTokens(t *testing.T) {
	_, err := nn.Summarize(build(t, Default(10, 2)), ir.Type{DType: dtype.Int64, Shape: shape.Of(2)})
	if err == nil || !strings.Contains(err.Error(), "lstm_classifier: wants tokens [B T]") {
		t.Errorf("error %v", err)
	}
}
