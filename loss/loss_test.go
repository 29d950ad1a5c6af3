package loss

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func f32(dims ...int) ir.Type { return ir.Type{DType: dtype.Float32, Shape: shape.Of(dims...)} }
func i64(dims ...int) ir.Type { return ir.Type{DType: dtype.Int64, Shape: shape.Of(dims...)} }

// Nothing is stretched to fit, and the message names both operands.
func TestMistakes(t *testing.T) {
	smooth := DefaultCrossEntropy()
	smooth.LabelSmoothing = 1.5
	negative := DefaultCrossEntropy()
	negative.ZLoss = -1
	wrong := DefaultCrossEntropy()
	wrong.Reduction = 7
	weighted := DefaultCrossEntropy()
	weighted.Weight = make([]float64, 9)
	ce := func(cfg CrossEntropyConfig) func(in []*ir.Value) *ir.Value {
		return func(in []*ir.Value) *ir.Value { return cfg.Apply(in[0], in[1]) }
	}
	mse := func(in []*ir.Value) *ir.Value { return MSE(in[0], in[1]) }
	l1 := func(in []*ir.Value) *ir.Value { return L1(in[0], in[1]) }
	bce := func(in []*ir.Value) *ir.Value {
		if len(in) == 3 {
			return BCEWithLogitsConfig{}.Apply(in[0], in[1], in[2])
		}
		return BCEWithLogits(in[0], in[1])
	}
	for _, tc := range []struct {
		name  string
		in    []ir.Type
		build func(in []*ir.Value) *ir.Value
		want  string
	}{
		{"labels of another batch", []ir.Type{f32(4, 10), i64(3)}, ce(DefaultCrossEntropy()), "cross_entropy: wants labels [4] for these logits: in0 f32[4 10], in1 i64[3]"},
		{"labels as a column", []ir.Type{f32(4, 10), i64(4, 1)}, ce(DefaultCrossEntropy()), "wants labels [4]"},
		{"labels of an image", []ir.Type{f32(4, 10, 2, 3), i64(4, 3, 2)}, ce(DefaultCrossEntropy()), "wants labels [4 2 3]"},
		{"probabilities of another shape", []ir.Type{f32(4, 10), f32(4, 1)}, ce(DefaultCrossEntropy()), "wants probabilities of the type of the logits"},
		{"bool labels", []ir.Type{f32(4, 10), {DType: dtype.Bool, Shape: shape.Of(4)}}, ce(DefaultCrossEntropy()), "wants labels of an integer type"},
		{"integer logits", []ir.Type{i64(4, 10), i64(4)}, ce(DefaultCrossEntropy()), "wants logits of a floating-point type"},
		{"logits of rank 1", []ir.Type{f32(10), i64()}, ce(DefaultCrossEntropy()), "wants logits [B C]"},
		{"no class", []ir.Type{f32(4, 0), i64(4)}, ce(DefaultCrossEntropy()), "at least one class"},
		{"weight of other classes", []ir.Type{f32(4, 10), i64(4)}, ce(weighted), "there are 9 class_weights for f32[4 10]"},
		{"smoothing", []ir.Type{f32(4, 10), i64(4)}, ce(smooth), "label_smoothing is 1.5, want a number in 0..1"},
		{"z-loss", []ir.Type{f32(4, 10), i64(4)}, ce(negative), "z_loss is -1"},
		{"reduction", []ir.Type{f32(4, 10), i64(4)}, ce(wrong), "there is no reduction(7)"},
		{"mse stretches", []ir.Type{f32(4, 1), f32(4)}, mse, "mse: prediction and target must have one type: in0 f32[4 1], in1 f32[4]"},
		{"mse of types", []ir.Type{f32(4), i64(4)}, mse, "must have one type"},
		{"mse of integers", []ir.Type{i64(4), i64(4)}, mse, "wants a floating-point type"},
		{"l1 stretches", []ir.Type{f32(4), f32(1)}, l1, "l1: prediction and target must have one type"},
		{"bce stretches", []ir.Type{f32(4), f32(4, 4)}, bce, "bce_with_logits: prediction and target must have one type"},
		{"bce weight", []ir.Type{f32(4), f32(4), f32(2, 4)}, bce, "wants a weight that stretches to f32[4]"},
		{"bce weight type", []ir.Type{f32(4), f32(4), i64(4)}, bce, "wants a weight that stretches to f32[4]"},
	} {
		g := ir.NewGraph()
		in := make([]*ir.Value, len(tc.in))
		for i, typ := range tc.in {
			in[i] = g.Input(ir.Arg, "in"+string(rune('0'+i)), typ)
		}
		tc.build(in)
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
	}
}

// Labels may have any integer type: images come with bytes.
func TestLabelTypes(t *testing.T) {
	logits := tensor.Must(tensor.Of([]float64{1, 2, 3, -1, 0, 4}, 2, 3))
	run := func(cfg CrossEntropyConfig, labels *tensor.Tensor) float64 {
		return moduletest.NewStore(t, &struct{}{}, 0).Run(t, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{cfg.Apply(in[0], in[1])}
		}, logits, labels)[0].Float(0)
	}
	weighted := DefaultCrossEntropy()
	weighted.Weight = []float64{1, 1, 1}
	want := run(DefaultCrossEntropy(), tensor.Must(tensor.Of([]int64{2, 0})))
	for _, labels := range []*tensor.Tensor{tensor.Must(tensor.Of([]uint8{2, 0})), tensor.Must(tensor.Of([]int32{2, 0})), tensor.Must(tensor.Of([]uint64{2, 0}))} {
		if got := run(DefaultCrossEntropy(), labels); got != want {
			t.Errorf("labels %v: loss %v, want %v", labels, got, want)
		}
		moduletest.Near(t, "weighted by ones", tensor.Scalar(run(weighted, labels)), tensor.Scalar(want))
	}
}

// A label outside the classes is NaN, with and without weights.
func TestLabelOutside(t *testing.T) {
	logits := tensor.Must(tensor.Of([]float64{1, 2, 3}, 1, 3))
	weighted := DefaultCrossEntropy()
	weighted.Weight = []float64{1, 1, 1}
	for _, label := range []int64{3, -1} {
		out := moduletest.NewStore(t, &struct{}{}, 0).Run(t, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{CrossEntropy(in[0], in[1]), weighted.Apply(in[0], in[1])}
		}, logits, tensor.Must(tensor.Of([]int64{label})))
		for i, v := range out {
			if x := v.Float(0); x == x {
				t.Errorf("label %d, output %d: loss %v, want NaN", label, i, x)
			}
		}
	}
}

func TestReductionText(t *testing.T) {
	text, err := json.Marshal(CrossEntropyConfig{IgnoreIndex: -100, LabelSmoothing: 0.1, Reduction: Sum})
	if err != nil || string(text) != `{"ignore_index":-100,"label_smoothing":0.1,"z_loss":0,"reduction":"sum","class_weights":null,"chunk":null}` {
		t.Errorf("%s, %v", text, err)
	}
	for _, r := range []Reduction{Mean, Sum, None} {
		text, err := r.MarshalText()
		var back Reduction = 9
		if err != nil || back.UnmarshalText(text) != nil || back != r {
			t.Errorf("%v becomes %v, %v", r, back, err)
		}
	}
	if _, err := Reduction(3).MarshalText(); err == nil {
		t.Error("an unknown reduction is written")
	}
	if err := new(Reduction).UnmarshalText([]byte("median")); err == nil {
		t.Error("an unknown reduction is read")
	}
}
