package loss_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/loss/losstest"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// chunked are the reference cases that can be computed by chunk. Their logits
// become those of a linear layer whose weight is the identity.
func chunked(t *testing.T, f func(t *testing.T, c losstest.Case, chunk int, cfg loss.CrossEntropyConfig)) {
	n := 0
	for _, c := range losstest.Cases(t, "testdata/cross_entropy.safetensors") {
		cfg := c.Config.(loss.CrossEntropyConfig)
		if strings.HasSuffix(c.Name, "infinite_logit") { // times the zeros of the identity is NaN
			continue
		}
		if c.Reduction == loss.None || c.In[1].DType().IsFloat() || c.In[0].Shape().Rank() != 2 || len(cfg.Weight) > 0 && cfg.LabelSmoothing != 0 {
			continue
		}
		for _, chunk := range []int{1, 2, 4, 100} {
			n++
			cfg.Chunk = &chunk
			t.Run(c.Name+"/"+strconv.Itoa(chunk), func(t *testing.T) { f(t, c, chunk, cfg) })
		}
	}
	if n < 100 {
		t.Errorf("only %d cases", n)
	}
}

// By chunk loss and gradients are PyTorch's.
func TestChunkGoldens(t *testing.T) {
	chunked(t, func(t *testing.T, c losstest.Case, chunk int, cfg loss.CrossEntropyConfig) {
		g := c.Golden
		out := run(t, func(in []*ir.Value) []*ir.Value {
			classes := in[0].Dim(1)
			l := cfg.Apply(ops.Linear(in[0], ops.Eye(in[0].Graph(), in[0].DType(), classes), nil), in[1])
			return append(grad.VJP([]*ir.Value{l}, in[2:], in[0]), l)
		}, c.In[0], c.In[1], g.Tensor("gout/0"))
		moduletest.Near(t, "gradient", out[0], g.Tensor("gin/0"))
		moduletest.Near(t, "loss", out[1], g.Tensor("out/0"))
	})
}

// The weights of examples, bias and all gradients are those of the loss that
// computes the logits; so is the head of a model whose output has places.
func TestChunkIsPlain(t *testing.T) {
	cfg := loss.DefaultCrossEntropy()
	cfg.LabelSmoothing, cfg.ZLoss = 0.1, 0.01
	weighted := loss.DefaultCrossEntropy()
	weighted.Weight = []float64{0.5, 2, 1, 0, 3}
	for _, cfg := range []loss.CrossEntropyConfig{cfg, weighted} {
		gradients := func(chunk *int) []*tensor.Tensor {
			cfg.Chunk = chunk
			x, w, b := normal(2, 5, 3), normal(5, 3), normal(5)
			labels := tensor.Must(tensor.Of([]int64{0, 4, -100, 2, 1, 1, 3, 0, 2, 4}))
			weight := tensor.Must(tensor.Of([]float64{1, 0, 2, 0.5, 1, 1, 3, 1, 0, 1}))
			return run(t, func(in []*ir.Value) []*ir.Value {
				terms := cfg.Terms(ops.Reshape(ops.Linear(in[0], in[1], in[2]), 10, 5), in[3], in[4])
				return append(grad.Of(terms.Mean(), in[:3]...), terms.Sum, terms.Count)
			}, x, w, b, labels, weight)
		}
		want := gradients(nil)
		for _, chunk := range []int{1, 3, 10, 64} {
			for i, got := range gradients(&chunk) {
				moduletest.Near(t, "result "+strconv.Itoa(i)+" by chunks of "+strconv.Itoa(chunk), got, want[i])
			}
		}
	}
}

// normal is a tensor of numbers that are the same in each call.
func normal(dims ...int) *tensor.Tensor {
	x := tensor.New(dtype.Float64, shape.Of(dims...))
	for i := range x.Size() {
		x.SetFloat(i, float64((i*37+11)%23)/11-1)
	}
	return x
}

func TestChunkMistakes(t *testing.T) {
	zero, two := 0, 2
	wrong := loss.CrossEntropyConfig{Chunk: &zero, Reduction: loss.None, Weight: []float64{1}, LabelSmoothing: 0.5}
	err := wrong.Validate()
	for _, want := range []string{"chunk must be at least 1, got 0", "reduction must be mean or sum, not none", "class_weights and label_smoothing together"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	cfg := loss.DefaultCrossEntropy()
	cfg.Chunk = &two
	f32 := func(dims ...int) ir.Type { return ir.Type{DType: dtype.Float32, Shape: shape.Of(dims...)} }
	i64 := func(dims ...int) ir.Type { return ir.Type{DType: dtype.Int64, Shape: shape.Of(dims...)} }
	linear := func(in []*ir.Value) *ir.Value { return ops.Linear(in[0], in[1], nil) }
	for _, tc := range []struct {
		in     []ir.Type
		logits func(in []*ir.Value) *ir.Value
		want   string
	}{
		{[]ir.Type{f32(4, 3), f32(5, 3), i64(4)}, func(in []*ir.Value) *ir.Value { return ops.ReLU(linear(in)) }, "cross_entropy: can't be computed by chunk: the logits are not those of a linear layer"},
		{[]ir.Type{f32(4, 3), f32(4, 3), i64(4)}, func(in []*ir.Value) *ir.Value { return in[0] }, "not those of a linear layer"},
		{[]ir.Type{f32(4, 3), f32(5, 3), f32(4, 5)}, linear, "wants logits [B C] and labels [B] where it is computed by chunk"},
		{[]ir.Type{f32(4, 2, 3), f32(5, 3), i64(4, 5)}, linear, "wants logits [B C] and labels [B] where it is computed by chunk"},
		{[]ir.Type{f32(4, 3), f32(5, 3), i64(3)}, linear, "wants labels [4]"},
	} {
		g := ir.NewGraph()
		var in []*ir.Value
		for _, typ := range tc.in {
			in = append(in, g.Input(ir.Arg, "in", typ))
		}
		cfg.Terms(tc.logits(in), in[2], nil)
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}
