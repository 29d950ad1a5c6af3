package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func interpolate() Table {
	nan, inf := math.NaN(), math.Inf(1)
	nearest := func(out ...int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.InterpolateNearest(in[0], out...) })
	}
	linear := func(corners bool, out ...int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.InterpolateLinear(in[0], corners, out...) })
	}
	cubic := func(corners bool, out ...int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.InterpolateCubic(in[0], corners, out...) })
	}
	cases := Golden("interpolate", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		switch a.Op() {
		case "nearest":
			return nearest(a.Ints("out")...)
		case "cubic":
			return cubic(a.Bool("align_corners"), a.Ints("out")...)
		}
		return linear(a.Bool("align_corners"), a.Ints("out")...)
	})
	gen := NewGen("interpolate")
	row := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, 1, 1, len(v))) }
	cases = append(cases,
		Case{Name: "nearest", In: []*tensor.Tensor{gen.Normal(2, 2, 3, 2)}, Build: nearest(5, 4), Smooth: true},
		Case{Name: "linear", In: []*tensor.Tensor{gen.Normal(2, 2, 3, 2)}, Build: linear(false, 5, 4), Smooth: true},
		Case{Name: "linear corners", In: []*tensor.Tensor{gen.Normal(2, 2, 3, 2)}, Build: linear(true, 2, 5), Smooth: true},
		Case{Name: "cubic", In: []*tensor.Tensor{gen.Normal(2, 2, 3, 2)}, Build: cubic(false, 5, 4), Smooth: true},
		Case{Name: "cubic corners", In: []*tensor.Tensor{gen.Normal(2, 2, 3, 2)}, Build: cubic(true, 2, 5), Smooth: true},
		Case{Name: "no batch", In: []*tensor.Tensor{gen.Normal(0, 2, 3)}, Build: linear(false, 5), NoGrad: true},
		Case{Name: "nearest edges", In: []*tensor.Tensor{row(nan, 1, inf)}, NoGrad: true, Build: nearest(6), Want: []*tensor.Tensor{row(nan, nan, 1, 1, inf, inf)}},
		Case{Name: "linear edges", In: []*tensor.Tensor{row(1, 3, nan)}, NoGrad: true, Build: linear(true, 5), Want: []*tensor.Tensor{row(1, 2, nan, nan, nan)}},
	)
	x := typ(dtype.Float32, 2, 3, 5)
	return Table{cases, []Mistake{
		{"extent", []ir.Type{x}, func(in []*ir.Value) { ops.InterpolateNearest(in[0], 0) }, "interpolate_nearest: axis 2: can't resize 5 elements to 0: in0 f32[2 3 5]"},
		{"empty", []ir.Type{typ(dtype.Float32, 2, 3, 0)}, func(in []*ir.Value) { ops.InterpolateLinear(in[0], false, 2) }, "interpolate_linear: axis 2: can't resize 0 elements to 2"},
		{"axes", []ir.Type{x}, func(in []*ir.Value) { ops.InterpolateLinear(in[0], true, 2, 2, 2) }, "interpolate_linear: wants extents for some of the last axes, got [2 2 2] for rank 3"},
		{"ints", []ir.Type{typ(dtype.Int32, 2, 3, 4)}, func(in []*ir.Value) { ops.InterpolateNearest(in[0], 2) }, "interpolate_nearest: wants a floating-point type, got i32"},
	}}
}
