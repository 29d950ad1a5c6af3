package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func batchNorm() Table {
	nan, inf := math.NaN(), math.Inf(1)
	gen := NewGen("batch_norm")
	norm := func(axis int, eps float64) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			y, mean, variance := ops.BatchNorm(in[0], in[1], in[2], axis, eps)
			return []*ir.Value{y, mean, variance}
		}
	}
	grad := func(axis int, eps float64) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.BatchNormGradOp{Axis: axis, Eps: eps}, in...)
		}
	}
	matrix := func(cols int, v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v)/cols, cols)) }

	cases := Golden("batch_norm", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		return norm(1, a.Float("eps"))
	})
	loosenOffsets(cases)
	for axis, channels := range []int{3, 2, 4} {
		cases = append(cases,
			Case{
				Name: fmt.Sprint("axis ", axis), Build: norm(axis, 1e-2), Smooth: true,
				In: []*tensor.Tensor{gen.Normal(3, 2, 4), gen.Normal(channels), gen.Normal(channels)},
			},
			Case{
				Name: fmt.Sprint("grad axis ", axis), Build: grad(axis, 1e-2), Smooth: true,
				In: []*tensor.Tensor{gen.Normal(3, 2, 4), gen.Normal(channels), gen.Normal(channels), gen.Uniform(0.5, 2, channels), gen.Normal(3, 2, 4)},
			},
		)
	}
	for i, name := range []string{"y alone", "mean alone", "variance alone"} {
		cases = append(cases, Case{
			Name: name, In: []*tensor.Tensor{gen.Normal(4, 3), gen.Normal(3), gen.Normal(3)}, Smooth: true,
			Build: func(in []*ir.Value) []*ir.Value { return norm(1, 1e-2)(in)[i : i+1] },
		})
	}
	cases = append(cases,
		Case{Name: "axis from the end", In: []*tensor.Tensor{gen.Normal(2, 3, 2), gen.Normal(2), gen.Normal(2)}, Build: norm(-1, 1e-5)},
		Case{Name: "plain", In: []*tensor.Tensor{gen.Normal(5, 3), nil, nil}, Build: norm(1, 1e-2), Smooth: true},
		Case{Name: "no bias", In: []*tensor.Tensor{gen.Normal(5, 3), gen.Normal(3), nil}, Build: norm(1, 1e-2), Smooth: true},
		Case{Name: "no eps", In: []*tensor.Tensor{gen.Normal(5, 3), gen.Normal(3), gen.Normal(3)}, Build: norm(1, 0)},
		Case{Name: "wide", In: []*tensor.Tensor{gen.Normal(3, 67), gen.Normal(67), gen.Normal(67)}, Build: norm(1, 1e-2)},
		Case{Name: "tall", In: []*tensor.Tensor{gen.Normal(131, 2), gen.Normal(2), gen.Normal(2)}, Build: norm(1, 1e-2)},
		Case{Name: "no channel", In: []*tensor.Tensor{gen.Normal(5, 0), gen.Normal(0), gen.Normal(0)}, Build: norm(1, 1e-2)},
		Case{
			Name: "empty batch", Build: norm(1, 1e-2), NoGrad: true,
			In:   []*tensor.Tensor{gen.Normal(0, 2), Floats(1, 1), Floats(0, 0)},
			Want: []*tensor.Tensor{gen.Normal(0, 2), Floats(nan, nan), Floats(nan, nan)},
			Gout: []*tensor.Tensor{gen.Normal(0, 2), nil, nil}, WantGrad: []*tensor.Tensor{gen.Normal(0, 2), Floats(0, 0), Floats(0, 0)},
		},
		Case{
			Name: "one element a channel", Build: norm(1, 1e-2), NoGrad: true,
			In:   []*tensor.Tensor{matrix(2, 5, -7), Floats(2, 3), Floats(0.5, -1)},
			Want: []*tensor.Tensor{matrix(2, 0.5, -1), Floats(5, -7), Floats(0, 0)},
			Gout: []*tensor.Tensor{matrix(2, 4, 6), nil, nil}, WantGrad: []*tensor.Tensor{matrix(2, 0, 0), Floats(0, 0), Floats(4, 6)},
		},
		Case{ // one channel's NaN is nobody else's; 0/0 in the second: no eps
			Name: "edges", Build: norm(1, 0), NoGrad: true,
			In:   []*tensor.Tensor{matrix(3, nan, 4, 1, 1, 4, 3), Floats(1, 1, 2), Floats(0, 0, 1)},
			Want: []*tensor.Tensor{matrix(3, nan, nan, -1, nan, nan, 3), Floats(nan, 4, 2), Floats(nan, 0, 1)},
		},
		Case{ // without the mean, which may be Inf or NaN
			Name: "infinite", Build: one(func(in []*ir.Value) *ir.Value { return norm(1, 0)(in)[0] }), NoGrad: true,
			In:   []*tensor.Tensor{matrix(3, inf, -inf, 1, 1, 1, 3), Floats(1, 1, 2), Floats(0, 0, 1)},
			Want: []*tensor.Tensor{matrix(3, nan, nan, -1, nan, nan, 3)},
		},
		Case{Name: "grad empty batch", In: []*tensor.Tensor{gen.Normal(0, 2), gen.Normal(2), gen.Normal(2), gen.Uniform(1, 2, 2), gen.Normal(0, 2)}, Build: grad(1, 1e-2)},
		Case{Name: "grad tall", In: []*tensor.Tensor{gen.Normal(131, 2), gen.Normal(2), gen.Normal(2), gen.Uniform(1, 2, 2), gen.Normal(131, 2)}, Build: grad(1, 1e-2)},
	)

	x, c := typ(dtype.Float32, 4, 3, 2), typ(dtype.Float32, 3)
	return Table{cases, []Mistake{
		{"axis", []ir.Type{x, c, c}, func(in []*ir.Value) { norm(3, 0)(in) }, "batch_norm: axis 3 is outside a tensor of rank 3: in0 f32[4 3 2]"},
		{"axis without weight", []ir.Type{x}, func(in []*ir.Value) { ops.BatchNorm(in[0], nil, nil, -4, 0) }, "batch_norm: axis -4 is outside a tensor of rank 3"},
		{"rank", []ir.Type{c, c, c}, func(in []*ir.Value) { norm(0, 0)(in) }, "batch_norm: wants an operand of rank 2 or more"},
		{"channels", []ir.Type{x, c, typ(dtype.Float32, 2)}, func(in []*ir.Value) { norm(1, 0)(in) }, "batch_norm: wants f32[3] for the 3 channels on axis 1, got f32[2]"},
		{"type of weight", []ir.Type{x, typ(dtype.Float64, 3), c}, func(in []*ir.Value) { norm(1, 0)(in) }, "wants f32[3] for the 3 channels on axis 1, got f64[3]"},
		{"integers", []ir.Type{typ(dtype.Int32, 4, 3)}, func(in []*ir.Value) { ops.BatchNorm(in[0], nil, nil, 1, 0) }, "wants a floating-point type, got i32"},
		{"eps", []ir.Type{x, c, c}, func(in []*ir.Value) { norm(1, -1)(in) }, "batch_norm: eps -1 is negative"},
		{"operands", []ir.Type{x, c}, func(in []*ir.Value) { ir.Apply(ops.BatchNormOp{Axis: 1}, in...) }, "wants 3 operands, got 2"},
		{"grad shape", []ir.Type{x, c, c, c, typ(dtype.Float32, 4, 2, 3)}, func(in []*ir.Value) { grad(1, 0)(in) }, "batch_norm_grad: wants a gradient of the operand's type f32[4 3 2]"},
		{"grad channels", []ir.Type{x, c, typ(dtype.Float32, 4), c, x}, func(in []*ir.Value) { grad(1, 0)(in) }, "batch_norm_grad: wants f32[3] for the 3 channels on axis 1, got f32[4]"},
		{"grad operands", []ir.Type{x, c, c, c}, func(in []*ir.Value) { grad(1, 0)(in) }, "wants 5 operands, got 4"},
	}}
}

// loosenOffsets is for the cases whose elements lie 1 around 1000: a mean of
// 1000 rounds to 6e-5 in Float32, and so do the results.
func loosenOffsets(cases []Case) {
	for i := range cases {
		if cases[i].Name == "torch/rank2_offset" {
			cases[i].Loose = 10
		}
	}
}
