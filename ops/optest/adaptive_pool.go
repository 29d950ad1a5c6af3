package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func adaptivePool() Table {
	nan, inf := math.NaN(), math.Inf(1)
	pool := func(f func(x *ir.Value, out ...int) *ir.Value, out ...int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return f(in[0], out...) })
	}
	cases := Golden("adaptive_pool", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if a.Op() == "adaptive_max_pool" {
			return pool(ops.AdaptiveMaxPool, a.Ints("out")...)
		}
		return pool(ops.AdaptiveAvgPool, a.Ints("out")...)
	})
	gen := NewGen("adaptive_pool")
	row := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, 1, 1, len(v))) }
	cases = append(cases,
		Case{Name: "mean", In: []*tensor.Tensor{gen.Normal(2, 2, 5, 3)}, Build: pool(ops.AdaptiveAvgPool, 3, 2), Smooth: true},
		Case{Name: "mean of the last axis", In: []*tensor.Tensor{gen.Normal(2, 5)}, Build: pool(ops.AdaptiveAvgPool, 2), Smooth: true},
		Case{Name: "maximum", In: []*tensor.Tensor{gen.Apart(1, 2, 5, 7)}, Build: pool(ops.AdaptiveMaxPool, 3, 2), Smooth: true},
		Case{Name: "no batch", In: []*tensor.Tensor{gen.Normal(0, 2, 5)}, Build: pool(ops.AdaptiveAvgPool, 3), NoGrad: true},
		Case{Name: "no batch, maximum", In: []*tensor.Tensor{gen.Normal(0, 2, 5)}, Build: pool(ops.AdaptiveMaxPool, 3), NoGrad: true},
		Case{Name: "mean edges", In: []*tensor.Tensor{row(1, 2, nan, 4, inf)}, NoGrad: true,
			Build: pool(ops.AdaptiveAvgPool, 3), Want: []*tensor.Tensor{row(1.5, nan, inf)}},
		Case{Name: "maximum edges", In: []*tensor.Tensor{row(-inf, -inf, nan, 4, inf)}, NoGrad: true,
			Build: pool(ops.AdaptiveMaxPool, 3), Want: []*tensor.Tensor{row(-inf, nan, inf)}},
		// Windows 0 1, 1 2 3, 3 4: the first of equal elements takes the gradient.
		Case{Name: "ties", In: []*tensor.Tensor{row(5, 5, 3, 5, 5)}, NoGrad: true, Build: pool(ops.AdaptiveMaxPool, 3),
			Want: []*tensor.Tensor{row(5, 5, 5)}, Gout: []*tensor.Tensor{row(1, 10, 100)}, WantGrad: []*tensor.Tensor{row(1, 10, 0, 100, 0)}},
	)
	x := typ(dtype.Float32, 2, 3, 5)
	return Table{cases, []Mistake{
		{"windows", []ir.Type{x}, func(in []*ir.Value) { ops.AdaptiveAvgPool(in[0], 0) }, "adaptive_avg_pool: axis 2: can't cut 5 elements in 0 windows: in0 f32[2 3 5]"},
		{"empty", []ir.Type{typ(dtype.Float32, 2, 3, 0)}, func(in []*ir.Value) { ops.AdaptiveMaxPool(in[0], 2) }, "adaptive_max_pool: axis 2: can't cut 0 elements in 2 windows"},
		{"axes", []ir.Type{x}, func(in []*ir.Value) { ops.AdaptiveMaxPool(in[0], 2, 2, 2) }, "adaptive_max_pool: wants windows for some of the last axes, got [2 2 2] for rank 3"},
		{"ints", []ir.Type{typ(dtype.Int32, 2, 3, 4)}, func(in []*ir.Value) { ops.AdaptiveAvgPool(in[0], 2) }, "avg_pool: wants a floating-point type"},
	}}
}
