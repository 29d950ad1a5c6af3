package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func rmsNorm() Table {
	nan, inf := math.NaN(), math.Inf(1)
	gen := NewGen("rms_norm")
	op := func(axes int, eps float64) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.RMSNormOp{Axes: axes, Eps: eps}, in...) }
	}
	norm := func(axes int, eps float64) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value {
			in = append(in[:len(in):len(in)], nil) // the absent weight
			return ops.RMSNorm(in[0], in[1], axes, eps)
		})
	}
	grad := func(axes int) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.RMSNormGradOp{Axes: axes, Weighted: len(in) == 4}, in...)
		}
	}
	matrix := func(cols int, v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v)/cols, cols)) }

	cases := Golden("rms_norm", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		return norm(len(a.Ints("axes")), a.Float("eps"))
	})
	cases = append(cases,
		// Both results.
		Case{Name: "one axis", In: []*tensor.Tensor{gen.Normal(2, 3, 4), gen.Normal(4)}, Build: op(1, 1e-2), Smooth: true},
		Case{Name: "two axes", In: []*tensor.Tensor{gen.Normal(2, 3, 4), gen.Normal(3, 4)}, Build: op(2, 1e-2), Smooth: true},
		Case{Name: "all axes", In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(3, 4)}, Build: op(2, 1e-2), Smooth: true},
		Case{Name: "plain", In: []*tensor.Tensor{gen.Normal(3, 4)}, Build: op(1, 1e-2), Smooth: true},
		Case{Name: "plain, all axes", In: []*tensor.Tensor{gen.Normal(5)}, Build: op(1, 1e-2), Smooth: true},
		Case{Name: "no eps", In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(4)}, Build: op(1, 0)},
		Case{Name: "wide", In: []*tensor.Tensor{gen.Normal(3, 1133), gen.Normal(1133)}, Build: op(1, 1e-2), NoGrad: true},
		Case{Name: "tall", In: []*tensor.Tensor{gen.Normal(67, 2), gen.Normal(2)}, Build: op(1, 1e-2)},
		Case{Name: "empty batch", In: []*tensor.Tensor{gen.Normal(0, 4), gen.Normal(4)}, Build: op(1, 1e-2)},
		Case{
			Name: "values", Build: op(1, 0.25), NoGrad: true,
			In:   []*tensor.Tensor{matrix(4, 0, 0, 0, 0), Floats(1, 2, 3, 4)},
			Want: []*tensor.Tensor{matrix(4, 0, 0, 0, 0), Floats(2)},
			Gout: []*tensor.Tensor{matrix(4, 1, 1, 0, -1), nil}, WantGrad: []*tensor.Tensor{matrix(4, 2, 4, 0, -8), Floats(0, 0, 0, 0)},
		},
		Case{ // one row's NaN is nobody else's; 0/0 in the second: no eps
			Name: "edges", Build: op(1, 0), NoGrad: true,
			In:   []*tensor.Tensor{matrix(2, nan, 1, 0, 0, inf, 1, 3, 3), Floats(1, 2)},
			Want: []*tensor.Tensor{matrix(2, nan, nan, nan, nan, nan, 0, 1, 2), Floats(nan, inf, 0, 1.0/3)},
		},
		Case{Name: "grad", In: []*tensor.Tensor{gen.Normal(2, 3, 4), gen.Normal(4), gen.Uniform(0.5, 2, 2, 3), gen.Normal(2, 3, 4)}, Build: grad(1), Smooth: true},
		Case{Name: "grad two axes", In: []*tensor.Tensor{gen.Normal(2, 3, 2), gen.Normal(3, 2), gen.Uniform(0.5, 2, 2), gen.Normal(2, 3, 2)}, Build: grad(2), Smooth: true},
		Case{Name: "grad all axes", In: []*tensor.Tensor{gen.Normal(3, 2), gen.Normal(3, 2), gen.Uniform(0.5, 2), gen.Normal(3, 2)}, Build: grad(2), Smooth: true},
		Case{Name: "grad plain", In: []*tensor.Tensor{gen.Normal(3, 4), gen.Uniform(0.5, 2, 3), gen.Normal(3, 4)}, Build: grad(1), Smooth: true},
		Case{Name: "grad tall", In: []*tensor.Tensor{gen.Normal(67, 2), gen.Normal(2), gen.Uniform(0.5, 2, 67), gen.Normal(67, 2)}, Build: grad(1)},
		Case{Name: "grad empty batch", In: []*tensor.Tensor{gen.Normal(0, 4), gen.Normal(4), gen.Normal(0), gen.Normal(0, 4)}, Build: grad(1)},
	)
	for i, name := range []string{"y alone", "rstd alone"} {
		cases = append(cases, Case{
			Name: name, In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(4)}, Smooth: true,
			Build: func(in []*ir.Value) []*ir.Value { return op(1, 1e-2)(in)[i : i+1] },
		})
	}

	x, d, r := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 3), typ(dtype.Float32, 4)
	return Table{cases, []Mistake{
		{"no axis", []ir.Type{x}, func(in []*ir.Value) { op(0, 0)(in) }, "rms_norm: can't take the last 0 axes of a tensor of rank 2: in0 f32[4 3]"},
		{"too many axes", []ir.Type{x}, func(in []*ir.Value) { norm(3, 0)(in) }, "rms_norm: can't take the last 3 axes of a tensor of rank 2"},
		{"weight", []ir.Type{x, r}, func(in []*ir.Value) { norm(1, 0)(in) }, "rms_norm: wants weight f32[3], the shape of the last 1 axes, got f32[4]"},
		{"type of weight", []ir.Type{x, typ(dtype.Float64, 3)}, func(in []*ir.Value) { norm(1, 0)(in) }, "wants weight f32[3], the shape of the last 1 axes, got f64[3]"},
		{"integers", []ir.Type{typ(dtype.Int32, 4, 3)}, func(in []*ir.Value) { norm(1, 0)(in) }, "wants a floating-point type, got i32"},
		{"eps", []ir.Type{x}, func(in []*ir.Value) { norm(1, nan)(in) }, "rms_norm: eps NaN is negative"},
		{"operands", []ir.Type{x, d, d}, func(in []*ir.Value) { op(1, 0)(in) }, "wants 1 or 2 operands, got 3"},
		{"grad rstd", []ir.Type{x, d, d, x}, func(in []*ir.Value) { grad(1)(in) }, "rms_norm_grad: wants rstd f32[4], one element a row"},
		{"grad shape", []ir.Type{x, d, r, d}, func(in []*ir.Value) { grad(1)(in) }, "rms_norm_grad: wants a gradient of the operand's type f32[4 3]"},
		{"grad weight", []ir.Type{x, r, r, x}, func(in []*ir.Value) { grad(1)(in) }, "rms_norm_grad: wants weight f32[3], the shape of the last 1 axes, got f32[4]"},
		{"grad operands", []ir.Type{x, x}, func(in []*ir.Value) { grad(1)(in) }, "wants 3 operands, got 2"},
	}}
}
