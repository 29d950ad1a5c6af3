package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func variance() Table {
	// of lets one of the functions stand as a list of its results.
	of := func(op string, c float64) func(x *ir.Value, axes ...int) []*ir.Value {
		return func(x *ir.Value, axes ...int) []*ir.Value {
			switch op {
			case "var":
				return []*ir.Value{ops.Var(x, c, axes...)}
			case "std":
				return []*ir.Value{ops.Std(x, c, axes...)}
			case "var_mean":
				v, m := ops.VarMean(x, c, axes...)
				return []*ir.Value{v, m}
			}
			s, m := ops.StdMean(x, c, axes...)
			return []*ir.Value{s, m}
		}
	}
	cases := Golden("statistics", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if !a.Has("correction") {
			return nil
		}
		return keeping(a, of(a.Op(), a.Float("correction")))
	})
	for _, c := range cases {
		switch c.Name { // Welford's method loses the infinite mean of Inf, 1 and 2
		case "torch/var_mean_1_edges", "torch/std_mean_0_edges":
			c.Want[1].SetFloat(3, math.Inf(1))
		}
	}
	gen := NewGen("var")
	for name, f := range map[string]func(x *ir.Value, axes ...int) []*ir.Value{
		"var": of("var", 1), "biased": of("var", 0), "std": of("std", 1.5), "both": of("var_mean", 1),
	} {
		for shape, c := range map[string]struct{ dims, axes []int }{
			"all": {[]int{3, 4}, nil}, "last": {[]int{3, 4}, []int{1}}, "first": {[]int{3, 4}, []int{0}}, "negative": {[]int{3, 4}, []int{-1}},
			"middle": {[]int{2, 3, 4}, []int{1}}, "outer": {[]int{2, 3, 4}, []int{0, 2}}, "no_rows": {[]int{0, 3}, []int{1}},
		} {
			cases = append(cases, Case{Name: name + "_" + shape, In: []*tensor.Tensor{gen.Apart(c.dims...)}, Smooth: true,
				Build: func(in []*ir.Value) []*ir.Value { return f(in[0], c.axes...) }})
		}
		for shape, c := range map[string]struct{ dims, axes []int }{
			"long": {[]int{40003}, nil}, "wide": {[]int{3, 1031}, []int{1}}, "tall": {[]int{1031, 3}, []int{0}}, "nothing": {[]int{3, 0}, []int{1}},
			"size1": {[]int{3, 1}, []int{1}}, "scalar": {nil, nil},
		} {
			cases = append(cases, Case{Name: name + "_" + shape, In: []*tensor.Tensor{gen.Uniform(-1, 1, c.dims...)}, NoGrad: true,
				Build: func(in []*ir.Value) []*ir.Value { return f(in[0], c.axes...) }})
		}
	}
	cases = append(cases, Case{Name: "std_of_equals", In: []*tensor.Tensor{Floats(3, 3, 3)}, NoGrad: true, Want: []*tensor.Tensor{tensor.Scalar(0.0)},
		Build: one(func(in []*ir.Value) *ir.Value { return ops.Std(in[0], 1) }),
		Gout:  []*tensor.Tensor{tensor.Scalar(1.0)}, WantGrad: []*tensor.Tensor{Floats(0, 0, 0)}})
	wrong := func(name, want string, dt dtype.DType, f func(x *ir.Value)) Mistake {
		return Mistake{name, []ir.Type{typ(dt, 2, 3)}, func(in []*ir.Value) { f(in[0]) }, want}
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("outside", "var: axis 2 is outside a tensor of rank 2", dtype.Float32, func(x *ir.Value) { ops.Std(x, 1, 2) }),
		wrong("twice", "var: axis -1 is named twice", dtype.Float32, func(x *ir.Value) { ops.Var(x, 1, 1, -1) }),
		wrong("ints", "var: wants a floating-point type, got i32", dtype.Int32, func(x *ir.Value) { ops.VarMean(x, 1) }),
		wrong("nan", "var: correction is NaN", dtype.Float32, func(x *ir.Value) { ops.Var(x, math.NaN()) }),
		wrong("operands", "var: wants 1 operands, got 2", dtype.Float32, func(x *ir.Value) { ir.Apply(ops.VarOp{}, x, x) }),
	}}
}
