package loss

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// attrs are the attributes of a case of reference values.
type attrs struct {
	Op             string
	Reduction      Reduction
	IgnoreIndex    int64   `json:"ignore_index"`
	LabelSmoothing float64 `json:"label_smoothing"`
	ZLoss          float64 `json:"z_loss"`
}

func (a attrs) apply(in [4]*ir.Value) *ir.Value {
	switch a.Op {
	case "cross_entropy":
		return CrossEntropyConfig{a.IgnoreIndex, a.LabelSmoothing, a.ZLoss, a.Reduction, nil}.Apply(in[0], in[1], in[2])
	case "mse":
		return MSEConfig{a.Reduction}.Apply(in[0], in[1])
	case "l1":
		return L1Config{a.Reduction}.Apply(in[0], in[1])
	}
	return BCEWithLogitsConfig{a.Reduction}.Apply(in[0], in[1], in[2], in[3])
}

// The values and gradients are those of PyTorch.
func TestGoldens(t *testing.T) {
	for _, file := range []string{"testdata/cross_entropy", "../ops/optest/testdata/cross_entropy", "testdata/z_loss", "testdata/mse", "testdata/l1", "testdata/bce_with_logits"} {
		g := moduletest.Open(t, file+".safetensors")
		var cases map[string]attrs
		g.Cases(&cases)
		if len(cases) < 12 {
			t.Errorf("%s has %d cases", file, len(cases))
		}
		for name, a := range cases {
			t.Run(file+"/"+name, func(t *testing.T) { golden(t, g.In(t, name), a) })
		}
	}
}

func golden(t *testing.T, g *moduletest.Golden, a attrs) {
	var args []*tensor.Tensor
	var which []int // operand that each argument is
	for i := range 4 {
		if key := "in/" + string(rune('0'+i)); g.Has(key) {
			args, which = append(args, g.Tensor(key)), append(which, i)
		}
	}
	args = append(args, g.Tensor("gout/0"))
	var wanted []string // gradients
	out := moduletest.NewStore(t, &struct{}{}, 0).Run(t, func(_ *module.Ctx, vs []*ir.Value) []*ir.Value {
		var in [4]*ir.Value
		var xs []*ir.Value
		for j, i := range which {
			in[i] = vs[j]
			if key := "gin/" + string(rune('0'+i)); g.Has(key) {
				xs, wanted = append(xs, vs[j]), append(wanted, key)
			}
		}
		y := a.apply(in)
		return append([]*ir.Value{y}, grad.VJP([]*ir.Value{y}, vs[len(vs)-1:], xs...)...)
	}, args...)
	moduletest.Near(t, "loss", out[0], g.Tensor("out/0"))
	for i, key := range wanted {
		moduletest.Near(t, key, out[1+i], g.Tensor(key))
	}
}

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
	ce := func(cfg CrossEntropyConfig) func(in []*ir.Value) *ir.Value {
		return func(in []*ir.Value) *ir.Value {
			if len(in) == 3 {
				return cfg.Apply(in[0], in[1], in[2])
			}
			return cfg.Apply(in[0], in[1], nil)
		}
	}
	mse := func(in []*ir.Value) *ir.Value { return MSE(in[0], in[1]) }
	l1 := func(in []*ir.Value) *ir.Value { return L1(in[0], in[1]) }
	bce := func(in []*ir.Value) *ir.Value {
		if len(in) == 3 {
			return BCEWithLogitsConfig{}.Apply(in[0], in[1], in[2], nil)
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
		{"weight of other classes", []ir.Type{f32(4, 10), i64(4), f32(9)}, ce(DefaultCrossEntropy()), "wants a weight f32[10]"},
		{"smoothing", []ir.Type{f32(4, 10), i64(4)}, ce(smooth), "label smoothing 1.5 is outside 0..1"},
		{"z-loss", []ir.Type{f32(4, 10), i64(4)}, ce(negative), "z-loss -1 is negative"},
		{"reduction", []ir.Type{f32(4, 10), i64(4)}, ce(wrong), "there is no reduction(7)"},
		{"mse stretches", []ir.Type{f32(4, 1), f32(4)}, mse, "mse: prediction and target must have one type: in0 f32[4 1], in1 f32[4]"},
		{"mse of types", []ir.Type{f32(4), i64(4)}, mse, "must have one type"},
		{"mse of integers", []ir.Type{i64(4), i64(4)}, mse, "wants a floating-point type"},
		{"l1 stretches", []ir.Type{f32(4), f32(1)}, l1, "l1: prediction and target must have one type"},
		{"bce stretches", []ir.Type{f32(4), f32(4, 4)}, bce, "bce_with_logits: prediction and target must have one type"},
		{"bce weight", []ir.Type{f32(4), f32(4), f32(2, 4)}, bce, "wants weights that stretch to f32[4]"},
		{"bce weight type", []ir.Type{f32(4), f32(4), i64(4)}, bce, "wants weights that stretch to f32[4]"},
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
	run := func(labels, weight *tensor.Tensor) float64 {
		args := []*tensor.Tensor{logits, labels}
		if weight != nil {
			args = append(args, weight)
		}
		return moduletest.NewStore(t, &struct{}{}, 0).Run(t, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
			in = append(in, nil)
			return []*ir.Value{DefaultCrossEntropy().Apply(in[0], in[1], in[2])}
		}, args...)[0].Float(0)
	}
	ones := tensor.Must(tensor.Of([]float64{1, 1, 1}))
	want := run(tensor.Must(tensor.Of([]int64{2, 0})), nil)
	for _, labels := range []*tensor.Tensor{tensor.Must(tensor.Of([]uint8{2, 0})), tensor.Must(tensor.Of([]int32{2, 0})), tensor.Must(tensor.Of([]uint64{2, 0}))} {
		if got := run(labels, nil); got != want {
			t.Errorf("labels %v: loss %v, want %v", labels, got, want)
		}
		moduletest.Near(t, "weighted by ones", tensor.Scalar(run(labels, ones)), tensor.Scalar(want))
	}
}

// A label outside the classes is NaN, with and without weights.
func TestLabelOutside(t *testing.T) {
	logits := tensor.Must(tensor.Of([]float64{1, 2, 3}, 1, 3))
	for _, label := range []int64{3, -1} {
		out := moduletest.NewStore(t, &struct{}{}, 0).Run(t, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{CrossEntropy(in[0], in[1]), DefaultCrossEntropy().Apply(in[0], in[1], in[2])}
		}, logits, tensor.Must(tensor.Of([]int64{label})), tensor.Must(tensor.Of([]float64{1, 1, 1})))
		for i, v := range out {
			if x := v.Float(0); x == x {
				t.Errorf("label %d, output %d: loss %v, want NaN", label, i, x)
			}
		}
	}
}

// Losses of 16 bits are float32, whatever the target.
func TestCrossEntropyOfHalves(t *testing.T) {
	logits := tensor.Must(tensor.Of([]float32{1, -2, 0.5, 3, 0, -1}, 2, 3))
	soft := tensor.Must(tensor.Of([]float32{0.25, 0.5, 0.25, 0, 1, 0}, 2, 3))
	labels := tensor.Must(tensor.Of([]int64{2, 0}))
	weights := tensor.Must(tensor.Of([]float32{1, 0.5, 2}))
	cfg := CrossEntropyConfig{IgnoreIndex: -100, LabelSmoothing: 0.1, ZLoss: 0.01, Reduction: None}
	for _, target := range []*tensor.Tensor{labels, soft} {
		for _, weighted := range []bool{false, true} {
			g := ir.NewGraph()
			input := func(name string, x *tensor.Tensor) *ir.Value {
				return g.Input(ir.Arg, name, ir.Type{DType: x.DType(), Shape: x.Shape()})
			}
			x, y, w := input("logits", logits), input("target", target), input("weights", weights)
			losses := func(half bool) *ir.Value {
				cast := func(v *ir.Value) *ir.Value {
					if half && v.DType().IsFloat() {
						return ops.Cast(v, dtype.BFloat16)
					}
					return v
				}
				if weighted {
					return cfg.Apply(cast(x), cast(y), cast(w))
				}
				return cfg.Apply(cast(x), cast(y), nil)
			}
			half := losses(true)
			if half.DType() != dtype.Float32 {
				t.Errorf("losses of bfloat16 are %v", half.DType())
			}
			g.SetOutputs(half, losses(false))
			r, err := interp.Run(g, logits, target, weights)
			if err != nil {
				t.Fatal(err)
			}
			for i := range r.Outputs[0].Size() {
				// The numbers above are exact in 16 bits.
				if a, b := r.Outputs[0].Float(i), r.Outputs[1].Float(i); math.Abs(a-b) > 1e-6 {
					t.Errorf("loss %d is %v in 16 bits and %v in 32", i, a, b)
				}
			}
		}
	}
}

func TestReductionText(t *testing.T) {
	text, err := json.Marshal(CrossEntropyConfig{-100, 0.1, 0, Sum, nil})
	if err != nil || string(text) != `{"ignore_index":-100,"label_smoothing":0.1,"z_loss":0,"reduction":"sum","class_weights":null}` {
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
