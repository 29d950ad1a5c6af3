package model

import (
	"context"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/model/rnnseq"
	"github.com/gradus-ml/gradus/model/seq2seq"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Families for texts learn whether a text has the token 7, which a tenth of the
// tokens are, in texts of different lengths.
func TestTextsAreLearnt(t *testing.T) {
	const texts, length = 64, 8
	s := rng.NewStream(1, "texts", 0)
	x, y := tensor.New(dtype.Int64, shape.Of(texts, length)), tensor.New(dtype.Int64, shape.Of(texts))
	for i := range texts {
		for j := range 2 + i%(length-1) {
			token := int64(1 + s.IntN(10))
			x.SetInt(i*length+j, token)
			if token == 7 {
				y.SetInt(i, 1)
			}
		}
	}
	for _, name := range []string{"textcnn", "lstm_classifier", "tcn"} {
		in := item("text", dtype.Int64, 11, length)
		in.Padding = new(0)
		n, err := New(families()[name].cfg, []Input{in}, []Output{{Name: "label", Size: 2}})
		if err != nil {
			t.Fatal(err)
		}
		store, err := exec.NewStore(cpu.New(), n.Module, exec.Seed(1))
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		opt, err := optim.DefaultAdam().Build(store.Params())
		if err != nil {
			t.Fatal(err)
		}
		step := exec.NewFunc(store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			l := loss.CrossEntropy(n.Map(c.Train(), in[:1])[0], in[1])
			opt.Update(c, grad.Of(l, c.Params(opt)...), in[2])
			return []*ir.Value{l}
		})
		var first, last float64
		for i := range 30 {
			out, err := step.Run(context.Background(), x, y, tensor.Scalar[float32](0.01))
			if err != nil {
				t.Fatal(err)
			}
			if last = out[0].Float(0); i == 0 {
				first = last
			}
		}
		t.Logf("%s: %.3f, then %.3f", name, first, last)
		if !(last < 0.2) {
			t.Errorf("%s: the loss is %.3f at first, %.3f after 30 steps", name, first, last)
		}
	}
}

// A transformer and recurrent layers learn to reverse strings of 6 letters, and
// decode strings that they have not seen.
func TestReversal(t *testing.T) {
	transformer, err := seq2seq.New(seq2seq.Config{
		SourceVocabulary: 9, TargetVocabulary: 9, Context: 6, Width: 32, Heads: 4, Hidden: 64, EncoderLayers: 1, DecoderLayers: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	recurrent, err := rnnseq.New(rnnseq.Config{
		SourceVocabulary: 9, TargetVocabulary: 9, Width: 32, Cell: block.GRU, Hidden: 64, Layers: 1, Score: rnnseq.General,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("transformer", func(t *testing.T) { reverses(t, transformer, 200) })
	t.Run("recurrent", func(t *testing.T) { reverses(t, recurrent, 200) })
}

// translator makes texts of texts.
type translator interface {
	Map(c *module.Ctx, in []*ir.Value) []*ir.Value
	Greedy(c *module.Ctx, source *ir.Value, start, steps int) *ir.Value
}

func reverses(t *testing.T, m translator, steps int) {
	const start, letters, length, texts = 0, 8, 6, 64
	store, err := exec.NewStore(cpu.New(), m, exec.Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	opt, err := optim.DefaultAdam().Build(store.Params())
	if err != nil {
		t.Fatal(err)
	}
	step := exec.NewFunc(store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		logits := m.Map(c.Train(), in[:2])[0]
		l := loss.CrossEntropy(ops.Transpose(logits, 0, 2, 1), in[2])
		opt.Update(c, grad.Of(l, c.Params(opt)...), in[3])
		return []*ir.Value{l}
	})
	decode := exec.NewFunc(store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{m.Greedy(c.Eval(), in[0], start, length)}
	})
	s := rng.NewStream(2, "texts", 0)
	batch := func() (source, target, next *tensor.Tensor) {
		of := func() *tensor.Tensor { return tensor.New(dtype.Int64, shape.Of(texts, length)) }
		source, target, next = of(), of(), of()
		for i := range texts {
			for j := range length {
				v, k := int64(1+s.IntN(letters)), length-1-j
				source.SetInt(i*length+j, v)
				next.SetInt(i*length+k, v)
				if k+1 < length {
					target.SetInt(i*length+k+1, v)
				}
			}
		}
		return
	}
	ctx := context.Background()
	for i := range steps {
		source, target, next := batch()
		out, err := step.Run(ctx, source, target, next, tensor.Scalar[float32](0.003))
		if err != nil {
			t.Fatal(err)
		}
		if i%50 == 0 || i == steps-1 {
			t.Logf("step %d: %.3f", i, out[0].Float(0))
		}
	}
	source, _, want := batch()
	out, err := decode.Run(ctx, source)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i := range want.Size() {
		if out[0].Int(i) == want.Int(i) {
			right++
		}
	}
	if right < want.Size()*98/100 {
		t.Errorf("%d of %d letters are right", right, want.Size())
	}
}
