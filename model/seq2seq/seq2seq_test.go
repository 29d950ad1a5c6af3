package seq2seq

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/modeltest"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Loss, logits and all gradients are those of a module around torch.nn.Transformer.
func TestStep(t *testing.T) {
	const path = "testdata/step.safetensors"
	var cases map[string]Config
	moduletest.Open(t, path).Cases(&cases)
	m, err := New(cases["seq2seq"])
	if err != nil {
		t.Fatal(err)
	}
	modeltest.StepOfPair(t, m, path)
}

func TestConfig(t *testing.T) {
	_, err := New(Config{PaddingIdx: new(1), Dropout: 2})
	for _, want := range []string{
		"seq2seq: source_vocabulary must be in 1..268435456, got 0", "padding_idx 1 is outside source_vocabulary of 0", "target_vocabulary must",
		"context must", "width must", "encoder_layers must", "decoder_layers must", "heads must", "hidden must", "dropout: probability 2 is outside 0..1",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestGreedyMistakes(t *testing.T) {
	cfg := Config{SourceVocabulary: 4, TargetVocabulary: 4, Context: 5, Width: 4, Heads: 1, Hidden: 4, EncoderLayers: 1, DecoderLayers: 1}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 0)
	source := tensor.New(dtype.Int64, shape.Of(2, 3))
	for _, tc := range []struct{ start, steps int }{{4, 2}, {-1, 2}, {0, 0}, {0, 6}} {
		g := s.Trace(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{m.Greedy(c.Eval(), in[0], tc.start, tc.steps)}
		}, source)
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), "seq2seq: wants a start out of the vocabulary") {
			t.Errorf("start %d, %d steps: error %v", tc.start, tc.steps, err)
		}
	}
}
