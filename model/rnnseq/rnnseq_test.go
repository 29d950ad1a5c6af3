package rnnseq

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/model/modeltest"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Loss, logits and all gradients are those of a module of PyTorch's layers.
func TestStep(t *testing.T) {
	for _, name := range []string{"general_step", "dot_step"} {
		t.Run(name, func(t *testing.T) {
			path := "testdata/" + name + ".safetensors"
			var cases map[string]Config
			moduletest.Open(t, path).Cases(&cases)
			modeltest.StepOfPair(t, build(t, cases["rnn_seq2seq"]), path)
		})
	}
}

func build(t *testing.T, cfg Config) *Model {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func small(cell block.Cell, score Score) Config {
	return Config{SourceVocabulary: 9, TargetVocabulary: 7, Width: 5, Cell: cell, Hidden: 4, Layers: 2, Score: score, PaddingIdx: new(0)}
}

func row(numbers ...int64) *tensor.Tensor {
	x := tensor.New(dtype.Int64, shape.Of(1, len(numbers)))
	for i, v := range numbers {
		x.SetInt(i, v)
	}
	return x
}

// A source gives the same alone and filled up, and each token that Greedy chooses
// is the likeliest one behind those before.
func TestGreedy(t *testing.T) {
	for _, cell := range []block.Cell{block.LSTM, block.GRU} {
		for _, score := range []Score{Dot, General} {
			const start, steps = 2, 5
			m := build(t, small(cell, score))
			s := moduletest.NewStore(t, m, 1)
			logits := func(source, target *tensor.Tensor) *tensor.Tensor {
				return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value { return m.Map(c.Eval(), in) }, source, target)[0]
			}
			greedy := func(source *tensor.Tensor) *tensor.Tensor {
				return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
					return []*ir.Value{m.Greedy(c.Eval(), in[0], start, steps)}
				}, source)[0]
			}
			source, filled := row(4, 7, 3), row(4, 7, 3, 0, 0)
			text := greedy(filled)
			if text.Shape() != shape.Of(1, steps) {
				t.Fatalf("%s, %s: %v", cell, score, text.Shape())
			}
			target := row(start, 0, 0, 0, 0)
			for i := range steps - 1 {
				target.SetInt(i+1, text.Int(i))
			}
			y := logits(source, target)
			moduletest.Near(t, "filled up", logits(filled, target), y)
			for i := range steps {
				best := 0
				for v := range 7 {
					if y.Float(7*i+v) > y.Float(7*i+best) {
						best = v
					}
				}
				if text.Int(i) != int64(best) {
					t.Errorf("%s, %s: token %d is %d, want %d", cell, score, i, text.Int(i), best)
				}
			}
		}
	}
}

func TestConfig(t *testing.T) {
	_, err := New(Config{Cell: "rnn", Score: "concat", PaddingIdx: new(1), Dropout: 2})
	for _, want := range []string{
		"rnn_seq2seq: source_vocabulary must be in 1..268435456, got 0", "padding_idx 1 is outside source_vocabulary of 0", "target_vocabulary must",
		"width must", `cell: there is no "rnn"; there are lstm, gru`, "hidden must", "layers must",
		`score: there is no "concat"; there are dot, general`, "dropout: probability 2 is outside 0..1",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	m := build(t, small(block.GRU, Dot))
	s := moduletest.NewStore(t, m, 0)
	greedy := func(start, steps int) moduletest.Func {
		return func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{m.Greedy(c.Eval(), in[0], start, steps)}
		}
	}
	pair := func(c *module.Ctx, in []*ir.Value) []*ir.Value { return m.Map(c, in) }
	flat := tensor.New(dtype.Int64, shape.Of(3))
	for _, tc := range []struct {
		f    moduletest.Func
		in   []*tensor.Tensor
		want string
	}{
		{greedy(7, 2), []*tensor.Tensor{row(1, 2)}, "rnn_seq2seq: wants a start out of the vocabulary, and 1 step or more"},
		{greedy(-1, 2), []*tensor.Tensor{row(1, 2)}, "wants a start out of the vocabulary"},
		{greedy(0, 0), []*tensor.Tensor{row(1, 2)}, "wants a start out of the vocabulary"},
		{greedy(0, 1), []*tensor.Tensor{flat}, "rnn_seq2seq: wants a source [B S]"},
		{pair, []*tensor.Tensor{row(1, 2)}, "rnn_seq2seq: wants a source and a target"},
		{pair, []*tensor.Tensor{row(1, 2), flat}, "gru: wants x [B T 5]"},
	} {
		if err := s.Trace(tc.f, tc.in...).Err(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}
