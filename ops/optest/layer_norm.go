package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func layerNorm() Table {
	nan, inf := math.NaN(), math.Inf(1)
	gen := NewGen("layer_norm")
	op := func(axes int, eps float64) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.LayerNormOp{Axes: axes, Eps: eps}, in...)
		}
	}
	norm := func(axes int, eps float64) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value {
			in = append(in[:len(in):len(in)], nil, nil) // absent operands
			return ops.LayerNorm(in[0], in[1], in[2], axes, eps)
		})
	}
	grad := func(axes int) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.LayerNormGradOp{Axes: axes, Weighted: len(in) == 5}, in...)
		}
	}
	matrix := func(cols int, v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v)/cols, cols)) }

	cases := Golden("layer_norm", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		return norm(len(a.Ints("axes")), a.Float("eps"))
	})
	loosenOffsets(cases)
	cases = append(cases,
		// All three results.
		Case{Name: "one axis", In: []*tensor.Tensor{gen.Normal(2, 3, 4), gen.Normal(4), gen.Normal(4)}, Build: op(1, 1e-2), Smooth: true},
		Case{Name: "two axes", In: []*tensor.Tensor{gen.Normal(2, 3, 4), gen.Normal(3, 4), gen.Normal(3, 4)}, Build: op(2, 1e-2), Smooth: true},
		Case{Name: "all axes", In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(3, 4), gen.Normal(3, 4)}, Build: op(2, 1e-2), Smooth: true},
		Case{Name: "no bias", In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(4)}, Build: op(1, 1e-2), Smooth: true},
		Case{Name: "plain", In: []*tensor.Tensor{gen.Normal(3, 4)}, Build: op(1, 1e-2), Smooth: true},
		Case{Name: "plain, all axes", In: []*tensor.Tensor{gen.Normal(5)}, Build: op(1, 1e-2), Smooth: true},
		Case{Name: "bias without weight", In: []*tensor.Tensor{gen.Normal(3, 4), nil, gen.Normal(4)}, Build: norm(1, 1e-2), Smooth: true},
		Case{Name: "no eps", In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(4), gen.Normal(4)}, Build: op(1, 0)},
		Case{Name: "wide", In: []*tensor.Tensor{gen.Normal(3, 133), gen.Normal(133), gen.Normal(133)}, Build: op(1, 1e-2)},
		Case{Name: "tall", In: []*tensor.Tensor{gen.Normal(67, 2), gen.Normal(2), gen.Normal(2)}, Build: op(1, 1e-2)},
		Case{Name: "empty batch", In: []*tensor.Tensor{gen.Normal(0, 4), gen.Normal(4), gen.Normal(4)}, Build: op(1, 1e-2)},
	)
	for i, name := range []string{"y alone", "mean alone", "rstd alone"} {
		cases = append(cases, Case{
			Name: name, In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(4), gen.Normal(4)}, Smooth: true,
			Build: func(in []*ir.Value) []*ir.Value { return op(1, 1e-2)(in)[i : i+1] },
		})
	}
	cases = append(cases,
		Case{
			Name: "equal elements", Build: op(1, 0.25), NoGrad: true,
			In:   []*tensor.Tensor{matrix(3, 7, 7, 7), Floats(1, 2, 3), Floats(4, 5, 6)},
			Want: []*tensor.Tensor{matrix(3, 4, 5, 6), Floats(7), Floats(2)},
			Gout: []*tensor.Tensor{matrix(3, 6, 0, 0), nil, nil}, WantGrad: []*tensor.Tensor{matrix(3, 8, -4, -4), Floats(0, 0, 0), Floats(6, 0, 0)},
		},
		Case{ // one row's NaN is nobody else's; 0/0 in the second: no eps
			Name: "edges", Build: op(1, 0), NoGrad: true,
			In:   []*tensor.Tensor{matrix(2, nan, 1, 4, 4, 1, 3), Floats(1, 2), Floats(0, 1)},
			Want: []*tensor.Tensor{matrix(2, nan, nan, nan, nan, -1, 3), Floats(nan, 4, 2), Floats(nan, inf, 1)},
		},
		Case{ // without the mean, which may be Inf or NaN
			Name: "infinite", Build: norm(1, 0), NoGrad: true,
			In:   []*tensor.Tensor{matrix(2, inf, 1, 1, -inf, 1, 3), Floats(1, 2), Floats(0, 1)},
			Want: []*tensor.Tensor{matrix(2, nan, nan, nan, nan, -1, 3)},
		},
		Case{Name: "grad", In: []*tensor.Tensor{gen.Normal(2, 3, 4), gen.Normal(4), gen.Normal(2, 3), gen.Uniform(0.5, 2, 2, 3), gen.Normal(2, 3, 4)}, Build: grad(1), Smooth: true},
		Case{Name: "grad two axes", In: []*tensor.Tensor{gen.Normal(2, 3, 2), gen.Normal(3, 2), gen.Normal(2), gen.Uniform(0.5, 2, 2), gen.Normal(2, 3, 2)}, Build: grad(2), Smooth: true},
		Case{Name: "grad all axes", In: []*tensor.Tensor{gen.Normal(3, 2), gen.Normal(3, 2), gen.Normal(), gen.Uniform(0.5, 2), gen.Normal(3, 2)}, Build: grad(2), Smooth: true},
		Case{Name: "grad plain", In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(3), gen.Uniform(0.5, 2, 3), gen.Normal(3, 4)}, Build: grad(1), Smooth: true},
		Case{Name: "grad tall", In: []*tensor.Tensor{gen.Normal(67, 2), gen.Normal(2), gen.Normal(67), gen.Uniform(0.5, 2, 67), gen.Normal(67, 2)}, Build: grad(1)},
		Case{Name: "grad empty batch", In: []*tensor.Tensor{gen.Normal(0, 4), gen.Normal(4), gen.Normal(0), gen.Normal(0), gen.Normal(0, 4)}, Build: grad(1)},
	)

	x, d, r := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 3), typ(dtype.Float32, 4)
	return Table{cases, []Mistake{
		{"no axis", []ir.Type{x}, func(in []*ir.Value) { op(0, 0)(in) }, "layer_norm: can't take the last 0 axes of a tensor of rank 2: in0 f32[4 3]"},
		{"too many axes", []ir.Type{x}, func(in []*ir.Value) { norm(3, 0)(in) }, "layer_norm: can't take the last 3 axes of a tensor of rank 2"},
		{"weight", []ir.Type{x, r}, func(in []*ir.Value) { norm(1, 0)(in) }, "layer_norm: wants weight and bias f32[3], the shape of the last 1 axes, got f32[4]"},
		{"bias", []ir.Type{x, d, typ(dtype.Float64, 3)}, func(in []*ir.Value) { norm(1, 0)(in) }, "wants weight and bias f32[3], the shape of the last 1 axes, got f64[3]"},
		{"integers", []ir.Type{typ(dtype.Int32, 4, 3)}, func(in []*ir.Value) { norm(1, 0)(in) }, "wants a floating-point type, got i32"},
		{"eps", []ir.Type{x}, func(in []*ir.Value) { norm(1, nan)(in) }, "layer_norm: eps NaN is negative"},
		{"operands", []ir.Type{x, d, d, d}, func(in []*ir.Value) { op(1, 0)(in) }, "wants 1 to 3 operands, got 4"},
		{"grad mean", []ir.Type{x, d, d, r, x}, func(in []*ir.Value) { grad(1)(in) }, "layer_norm_grad: wants mean and rstd f32[4], one element a row"},
		{"grad shape", []ir.Type{x, d, r, r, d}, func(in []*ir.Value) { grad(1)(in) }, "layer_norm_grad: wants a gradient of the operand's type f32[4 3]"},
		{"grad weight", []ir.Type{x, r, r, r, x}, func(in []*ir.Value) { grad(1)(in) }, "layer_norm_grad: wants weight f32[3], the shape of the last 1 axes, got f32[4]"},
		{"grad operands", []ir.Type{x, r, x}, func(in []*ir.Value) { grad(1)(in) }, "wants 4 operands, got 3"},
	}}
}
