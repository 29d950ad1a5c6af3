package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

type reduction = func(x *ir.Value, axes ...int) *ir.Value

func reduce() Table {
	named := map[string]reduction{"sum": ops.Sum, "mean": ops.Mean, "max": ops.Amax, "min": ops.Amin, "prod": ops.Prod}
	ofGolden := func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if f := named[a.Op()]; f != nil {
			return keeping(a, list(f))
		}
		return nil
	}
	cases := append(Golden("reductions", ofGolden), Golden("statistics", ofGolden)...)
	for i, c := range cases {
		if c.Name == "torch/prod_nan" { // there, as the other row holds a 0, the product of the others; here NaN for the whole row
			cases[i].WantGrad = nil
		}
	}
	for name, f := range named {
		gen := NewGen(name)
		for shape, c := range map[string]struct{ dims, axes []int }{
			"all": {[]int{3, 4}, nil}, "last": {[]int{3, 4}, []int{1}}, "first": {[]int{3, 4}, []int{0}}, "negative": {[]int{3, 4}, []int{-1}},
			"middle": {[]int{2, 3, 4}, []int{1}}, "outer": {[]int{2, 3, 4}, []int{0, 2}}, "channels": {[]int{2, 3, 2, 2}, []int{0, 2, 3}},
			"images": {[]int{2, 3, 2, 2}, []int{3, 2}}, "size1": {[]int{3, 1}, []int{1}}, "scalar": {[]int{}, nil}, "no_rows": {[]int{0, 3}, []int{1}},
		} {
			cases = append(cases, Case{Name: name + "_" + shape, In: []*tensor.Tensor{gen.Apart(c.dims...)}, Smooth: true,
				Build: one(func(in []*ir.Value) *ir.Value { return f(in[0], c.axes...) })})
		}
		for shape, c := range map[string]struct{ dims, axes []int }{
			"long": {[]int{5003}, nil}, "wide": {[]int{3, 1031}, []int{1}}, "tall": {[]int{1031, 3}, []int{0}}, "nothing": {[]int{3, 0}, []int{1}},
		} {
			cases = append(cases, Case{Name: name + "_" + shape, In: []*tensor.Tensor{gen.Uniform(0.9, 1.1, c.dims...)}, NoGrad: true,
				Build: one(func(in []*ir.Value) *ir.Value { return f(in[0], c.axes...) })})
		}
		cases = append(cases, Case{Name: name + "_special", In: []*tensor.Tensor{func() *tensor.Tensor { x, _ := grid(special()); return x }()}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return f(in[0], 1) })})
	}
	ints := func(dt dtype.DType, v ...int64) *tensor.Tensor {
		t := tensor.New(dt, shapeOf([]int{len(v)}))
		for i, x := range v {
			t.SetInt(i, x)
		}
		return t
	}
	exact := func(name string, f reduction, dt dtype.DType, want int64, v ...int64) {
		cases = append(cases, Case{Name: name + "_" + dt.String(), In: []*tensor.Tensor{ints(dt, v...)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return f(in[0]) }),
			Want:  []*tensor.Tensor{tensor.Must(ints(dt, want).Reshape())}})
	}
	exact("sum", ops.Sum, dtype.Int64, 1<<53+2, 1<<53+1, 1)
	exact("sum_wraps", ops.Sum, dtype.Uint8, 44, 200, 100)
	exact("sum", ops.Sum, dtype.Int32, -3, 1, 2, -6)
	exact("prod", ops.Prod, dtype.Int32, -30, 5, -6)
	exact("prod", ops.Prod, dtype.Uint32, 1)
	exact("max", ops.Amax, dtype.Int32, -2, -5, -2, -9)
	exact("min", ops.Amin, dtype.Int64, math.MinInt64, 0, math.MinInt64, 3)
	exact("max", ops.Amax, dtype.Uint64, -1, 0, -1, 3) // -1 is the largest
	cases = append(cases,
		Case{Name: "max_of_nothing", In: []*tensor.Tensor{tensor.New(dtype.Float64, shapeOf([]int{0}))}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Amax(in[0]) }), Want: []*tensor.Tensor{tensor.Scalar(math.Inf(-1))}},
		Case{Name: "min_of_nothing", In: []*tensor.Tensor{tensor.New(dtype.Float64, shapeOf([]int{0}))}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Amin(in[0]) }), Want: []*tensor.Tensor{tensor.Scalar(math.Inf(1))}},
	)
	for name, f := range map[string]reduction{"max": ops.Amax, "min": ops.Amin} {
		gen := NewGen(name + " of bools")
		for shape, c := range map[string]struct{ dims, axes []int }{
			"all": {[]int{3, 4}, nil}, "last": {[]int{9, 3}, []int{1}}, "first": {[]int{3, 9}, []int{0}}, "middle": {[]int{2, 2, 4}, []int{1}},
			"outer": {[]int{2, 5, 2}, []int{0, 2}}, "long": {[]int{40003}, nil}, "nothing": {[]int{3, 0}, []int{1}}, "scalar": {nil, nil},
		} {
			cases = append(cases, Case{Name: name + "_bool_" + shape, In: []*tensor.Tensor{gen.Bools(c.dims...)}, NoGrad: true,
				Build: one(func(in []*ir.Value) *ir.Value { return f(in[0], c.axes...) })})
		}
	}
	for name, f := range map[string]reduction{"sum": ops.Sum, "prod": ops.Prod, "max": ops.Amax, "min": ops.Amin} {
		gen := NewGen(name + " of integers")
		for _, dt := range dtype.All() {
			if !dt.IsInt() {
				continue
			}
			for shape, c := range map[string]struct{ dims, axes []int }{
				"last": {[]int{3, 70}, []int{1}}, "first": {[]int{70, 3}, []int{0}}, "outer": {[]int{2, 5, 3}, []int{0, 2}}, "long": {[]int{40003}, nil},
				"wide": {[]int{2, 3, 1100}, []int{1}}, "no_rows": {[]int{0, 3}, []int{1}},
			} {
				cases = append(cases, Case{Name: name + "_" + shape + "_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 1, 9, c.dims...)}, NoGrad: true,
					Build: one(func(in []*ir.Value) *ir.Value { return f(in[0], c.axes...) })})
			}
		}
	}
	wrong := func(name, want string, dt dtype.DType, f func(x *ir.Value)) Mistake {
		return Mistake{name, []ir.Type{typ(dt, 2, 0)}, func(in []*ir.Value) { f(in[0]) }, want}
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("outside", "sum: axis 2 is outside a tensor of rank 2", dtype.Float32, func(x *ir.Value) { ops.Sum(x, 2) }),
		wrong("twice", "amax: axis -1 is named twice", dtype.Float32, func(x *ir.Value) { ops.Amax(x, 1, -1) }),
		wrong("bool", "sum: is not defined for bool; cast first", dtype.Bool, func(x *ir.Value) { ops.Sum(x) }),
		wrong("prod_of_bool", "prod: is not defined for bool; cast first", dtype.Bool, func(x *ir.Value) { ops.Prod(x) }),
		wrong("mean_of_ints", "mean: wants a floating-point type, got i32", dtype.Int32, func(x *ir.Value) { ops.Mean(x) }),
		wrong("max_of_no_int", "amax: axis 1 has no element to choose from", dtype.Int32, func(x *ir.Value) { ops.Amax(x, 1) }),
		wrong("keep_dims", "keep_dims: axis 9 is outside", dtype.Float32, func(x *ir.Value) { ops.KeepDims(ops.Sum(x), x, 9) }),
	}}
}
