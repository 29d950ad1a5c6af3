package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// keeping lets functions of x along axes stand as Build of a golden case, whose
// attributes name the axes and whether they are kept.
func keeping(a Attrs, f func(x *ir.Value, axes ...int) []*ir.Value) func(in []*ir.Value) []*ir.Value {
	axes := a.Ints("axes")
	return func(in []*ir.Value) []*ir.Value {
		out := f(in[0], axes...)
		for i, y := range out {
			if a.Bool("keepdim") {
				out[i] = ops.KeepDims(y, in[0], axes...)
			}
		}
		return out
	}
}

// list lets a reduction give a list of one.
func list(f reduction) func(x *ir.Value, axes ...int) []*ir.Value {
	return func(x *ir.Value, axes ...int) []*ir.Value { return []*ir.Value{f(x, axes...)} }
}

func statistics() Table {
	ofGolden := func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		f := map[string]reduction{"logsumexp": ops.LogSumExp, "any": ops.Any, "all": ops.All, "count_nonzero": ops.CountNonzero}[a.Op()]
		if f == nil {
			return nil
		}
		return keeping(a, list(f))
	}
	cases := append(Golden("statistics", ofGolden), Golden("reductions", ofGolden)...)

	gen := NewGen("statistics")
	named := map[string]reduction{
		"logsumexp": ops.LogSumExp, "any": ops.Any, "all": ops.All, "count_nonzero": ops.CountNonzero,
	}
	for name, f := range named {
		for shape, c := range map[string]struct{ dims, axes []int }{
			"all": {[]int{3, 4}, nil}, "last": {[]int{3, 4}, []int{1}}, "first": {[]int{3, 4}, []int{0}}, "negative": {[]int{3, 4}, []int{-1}},
			"middle": {[]int{2, 3, 4}, []int{1}}, "outer": {[]int{2, 3, 4}, []int{0, 2}}, "no_rows": {[]int{0, 3}, []int{1}},
		} {
			cases = append(cases, Case{Name: name + "_" + shape, In: []*tensor.Tensor{gen.Apart(c.dims...)}, Smooth: name == "logsumexp", NoGrad: name != "logsumexp",
				Build: one(func(in []*ir.Value) *ir.Value { return f(in[0], c.axes...) })})
		}
		for shape, c := range map[string]struct{ dims, axes []int }{
			"long": {[]int{40003}, nil}, "wide": {[]int{3, 1031}, []int{1}}, "tall": {[]int{1031, 3}, []int{0}}, "nothing": {[]int{3, 0}, []int{1}},
			"size1": {[]int{3, 1}, []int{1}},
		} {
			cases = append(cases, Case{Name: name + "_" + shape, In: []*tensor.Tensor{gen.Uniform(-1, 1, c.dims...)}, NoGrad: true,
				Build: one(func(in []*ir.Value) *ir.Value { return f(in[0], c.axes...) })})
		}
		x, _ := grid(special())
		cases = append(cases, Case{Name: name + "_special", In: []*tensor.Tensor{x}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return f(in[0], 1) })})
	}
	for _, dt := range dtype.All() {
		cases = append(cases, Case{Name: "truth_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 2, 7, 2, 3)}, NoGrad: true,
			Build: func(in []*ir.Value) []*ir.Value {
				return []*ir.Value{ops.Any(in[0], 1, 2), ops.All(in[0], 1), ops.CountNonzero(in[0]), ops.Any(in[0], 0, 2), ops.All(in[0])}
			}})
	}
	inf := math.Inf(1)
	cases = append(cases,
		Case{Name: "logsumexp_values", In: []*tensor.Tensor{Floats(1000, 1000)}, NoGrad: true, Want: []*tensor.Tensor{tensor.Scalar(1000 + math.Ln2)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.LogSumExp(in[0]) }),
			Gout:  []*tensor.Tensor{tensor.Scalar(4.0)}, WantGrad: []*tensor.Tensor{Floats(2, 2)}},
		Case{Name: "logsumexp_infinite", In: []*tensor.Tensor{Floats(-inf, -inf)}, NoGrad: true, Want: []*tensor.Tensor{tensor.Scalar(-inf)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.LogSumExp(in[0]) })},
		Case{Name: "any_scalar", In: []*tensor.Tensor{tensor.Scalar(2.0)}, NoGrad: true, Want: []*tensor.Tensor{tensor.Must(tensor.Must(tensor.Of([]bool{true})).Reshape())},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Any(in[0]) })},
	)
	wrong := func(name, want string, dt dtype.DType, f func(x *ir.Value)) Mistake {
		return Mistake{name, []ir.Type{typ(dt, 2, 3)}, func(in []*ir.Value) { f(in[0]) }, want}
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("any_twice", "amax: axis 1 is named twice", dtype.Float32, func(x *ir.Value) { ops.Any(x, 1, 1) }),
		wrong("logsumexp_of_ints", "exp: is not defined for i64", dtype.Int64, func(x *ir.Value) { ops.LogSumExp(x) }),
		wrong("logsumexp_outside", "amax: axis 5 is outside", dtype.Float32, func(x *ir.Value) { ops.LogSumExp(x, 5) }),
	}}
}
