package loss

import (
	"math"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// evaluate runs a graph over arguments.
func evaluate(t *testing.T, f func(in []*ir.Value) []*ir.Value, in ...*tensor.Tensor) []float64 {
	t.Helper()
	g := ir.NewGraph()
	var args []*ir.Value
	for _, x := range in {
		args = append(args, g.Input(ir.Arg, "x", ir.Type{DType: x.DType(), Shape: x.Shape()}))
	}
	g.SetOutputs(f(args)...)
	if err := g.Err(); err != nil {
		t.Fatal(err)
	}
	out, err := interp.Run(g, in...)
	if err != nil {
		t.Fatal(err)
	}
	var values []float64
	for _, o := range out.Outputs {
		values = append(values, o.Float(0))
	}
	return values
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(b)) }

// The mean of Terms is that of Apply, and the terms of two halves are those of
// the whole: with labels ignored, classes weighted, positions and examples.
func TestTerms(t *testing.T) {
	gen := optest.NewGen("terms")
	float := func(dims ...int) *tensor.Tensor { return optest.Convert(gen.Normal(dims...), dtype.Float32) }
	labels := gen.Ints(dtype.Int64, 0, 3, 6, 4)
	labels.SetInt(5, -100)
	few := gen.Ints(dtype.Int64, 0, 3, 6)
	few.SetInt(1, -100)
	weighted := DefaultCrossEntropy()
	weighted.Weight, weighted.LabelSmoothing = []float64{1, 2, 0.5}, 0.1
	for name, c := range map[string]struct {
		cfg            Config
		output, target *tensor.Tensor
		mean           func(x, y *ir.Value) *ir.Value
	}{
		"cross_entropy":           {DefaultCrossEntropy(), float(6, 3), few, CrossEntropy},
		"cross_entropy positions": {DefaultCrossEntropy(), float(6, 3, 4), labels, CrossEntropy},
		"cross_entropy weighted": {weighted, float(6, 3), few, func(x, y *ir.Value) *ir.Value {
			w := ops.Concat(0, ops.Full(x.Graph(), x.DType(), shape.Of(1), 1), ops.Full(x.Graph(), x.DType(), shape.Of(1), 2), ops.Full(x.Graph(), x.DType(), shape.Of(1), 0.5))
			return weighted.Apply(x, y, w)
		}},
		"mse": {MSEConfig{}, float(6, 3), float(6, 3), MSE},
		"l1":  {L1Config{}, float(6, 3), float(6, 3), L1},
		"bce": {BCEWithLogitsConfig{}, float(6, 3), float(6, 3), BCEWithLogits},
	} {
		whole := evaluate(t, func(in []*ir.Value) []*ir.Value {
			terms := c.cfg.Terms(in[0], in[1], nil)
			return []*ir.Value{terms.Sum, terms.Count, terms.Mean(), c.mean(in[0], in[1])}
		}, c.output, c.target)
		if !near(whole[2], whole[3]) {
			t.Errorf("%s: mean %v, Apply gives %v", name, whole[2], whole[3])
		}
		// Weights of 1 and 0 choose the first half.
		ones, half := tensor.New(dtype.Float32, shape.Of(6)), tensor.New(dtype.Float32, shape.Of(6))
		for i := range 6 {
			ones.F32()[i] = 1
			if i < 3 {
				half.F32()[i] = 1
			}
		}
		f := func(in []*ir.Value) []*ir.Value {
			terms := c.cfg.Terms(in[0], in[1], in[2])
			return []*ir.Value{terms.Sum, terms.Count}
		}
		all := evaluate(t, f, c.output, c.target, ones)
		first := evaluate(t, f, c.output, c.target, half)
		rows := evaluate(t, f, c.output.Rows(0, 3), c.target.Rows(0, 3), ones.Rows(0, 3))
		if !near(all[0], whole[0]) || !near(all[1], whole[1]) || !near(first[0], rows[0]) || !near(first[1], rows[1]) {
			t.Errorf("%s: whole %v, weighted by 1 %v, by half %v, half the rows %v", name, whole[:2], all, first, rows)
		}
	}
}
