package nn

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// A weight norm starts with rows as long as those of the layer, on average.
func TestWeightNormStarts(t *testing.T) {
	l := NewWeightNorm(NewLinear(300, 50))
	s := moduletest.NewStore(t, l, 1)
	g, v := s.Values["parametrizations.weight.original0"], s.Values["parametrizations.weight.original1"]
	for i := range g.Size() {
		var sum float64
		for j := range 300 {
			sum += v.Float(300*i+j) * v.Float(300*i+j)
		}
		if r := g.Float(i) / math.Sqrt(sum); r < 0.85 || r > 1.15 {
			t.Errorf("row %d of length %v starts with g %v", i, math.Sqrt(sum), g.Float(i))
		}
	}
}

// After a few steps the weight of a spectral norm is as long as its longest
// product with a vector of length 1.
func TestSpectralNormFindsTheLargest(t *testing.T) {
	l := DefaultSpectralNorm().Build(LinearConfig{In: 3, Out: 2}.Build())
	s := moduletest.NewStore(t, l, 1)
	w := s.Values["parametrizations.weight.original"]
	for i, v := range []float64{3, 0, 0, 0, -5, 0} {
		w.SetFloat(i, v)
	}
	x := tensor.Must(tensor.Of([]float32{1, 0, 0, 0, 1, 0}, 2, 3))
	for range 40 {
		forward(t, s, l, x)
	}
	_, y := forward(t, s, l, x)
	moduletest.Near(t, "largest", y, tensor.Must(tensor.Of([]float32{0.6, 0, 0, -1}, 2, 2)))
}

func TestWrongLayersInside(t *testing.T) {
	for want, err := range map[string]error{
		"wants a linear layer or a convolution, got *nn.ReLU": NewWeightNorm(&ReLU{}).Validate(),
		"in must be at least 1, got 0":                        NewWeightNorm(NewLinear(0, 2)).Validate(),
		"n_power_iterations must be at least 1, got 0":        SpectralNormConfig{Eps: 1}.Build(NewLinear(2, 2)).Validate(),
		"eps must be above 0, got 0":                          SpectralNormConfig{PowerIterations: 1}.Build(NewLinear(2, 2)).Validate(),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// In training mode long vectors that are looked up become short for good, and
// others stay.
func TestMaxNormShortens(t *testing.T) {
	cfg := DefaultEmbedding(3, 2)
	cfg.MaxNorm = new(1.0)
	l := cfg.Build()
	s := moduletest.NewStore(t, l, 0)
	w := s.Values["weight"]
	for i, v := range []float64{3, 4, 30, 40, 0.3, 0.4} {
		w.SetFloat(i, v)
	}
	idx := tensor.Must(tensor.Of([]int64{0, 2, 0}))
	run := func(train bool) *tensor.Tensor {
		return s.Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
			c = c.Eval()
			if train {
				c = c.Train()
			}
			return []*ir.Value{l.Forward(c, in[0])}
		}, idx)[0]
	}
	want := tensor.Must(tensor.Of([]float32{0.6, 0.8, 0.3, 0.4, 0.6, 0.8}, 3, 2))
	moduletest.Near(t, "evaluation", run(false), want)
	if got := s.Values["weight"].Float(0); got != 3 {
		t.Errorf("evaluation made the vector begin with %v", got)
	}
	moduletest.Near(t, "training", run(true), want)
	moduletest.Near(t, "weight", s.Values["weight"], tensor.Must(tensor.Of([]float32{0.6, 0.8, 30, 40, 0.3, 0.4}, 3, 2)))
}

// Bags one behind the other are the rows that they would be.
func TestFlatBags(t *testing.T) {
	cfg := DefaultEmbeddingBag(5, 2)
	cfg.Mode = SumBag
	l := cfg.Build()
	s := moduletest.NewStore(t, l, 1)
	out := s.Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
		w := c.Param(l.Weight)
		row := func(i int) *ir.Value { return ops.Reshape(ops.Narrow(w, 0, i, 1), 2) }
		three := ops.Scalar(w, 3)
		want := ops.Stack(0, ops.Add(row(1), ops.Mul(row(4), three)), ops.ZerosLike(row(0)), row(2))
		return []*ir.Value{l.Flat(c, in[0], in[1], in[2]), want}
	}, tensor.Must(tensor.Of([]int64{1, 4, 2})), tensor.Must(tensor.Of([]int64{0, 2, 2})), tensor.Must(tensor.Of([]float32{1, 3, 1})))
	moduletest.Near(t, "bags", out[0], out[1])
}
