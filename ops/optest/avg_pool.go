package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func avgPool() Table {
	pool := func(w ops.Window, include bool) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.AvgPool(in[0], w, include) })
	}
	cases := Golden("avg_pool", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		return pool(imageWindow(a.Ints("kernel"), a.Ints("stride"), a.Ints("padding"), nil), a.Bool("count_include_pad"))
	})
	for name, c := range windows {
		gen := NewGen("avg_pool" + name)
		for _, include := range []bool{false, true} {
			if include {
				name += "_include"
			}
			cases = append(cases,
				Case{Name: name, In: []*tensor.Tensor{gen.Normal(c.x...)}, Build: pool(c.w, include), Smooth: true},
				Case{Name: name + "_grad", In: []*tensor.Tensor{gen.Normal(c.y...)}, Smooth: true,
					Build: func(in []*ir.Value) []*ir.Value {
						return ir.Apply(ops.AvgPoolGradOp{Window: c.w, CountIncludePad: include, Shape: shapeOf(c.x)}, in...)
					}},
			)
		}
	}
	x := typ(dtype.Float32, 1, 2, 5)
	dilated := flat(3)
	dilated.Dilation[2] = 2
	return Table{Cases: cases, Mistakes: []Mistake{
		{"ints", []ir.Type{typ(dtype.Int32, 1, 2, 5)}, func(in []*ir.Value) { ops.AvgPool(in[0], flat(3), true) }, "avg_pool: wants a floating-point type"},
		{"dilation", []ir.Type{x}, func(in []*ir.Value) { ops.AvgPool(in[0], dilated, true) }, "avg_pool: has no dilation"},
		{"rank", []ir.Type{x}, func(in []*ir.Value) { ops.AvgPool(in[0], flat(4), true) }, "avg_pool: a window on axis 3 is outside a tensor of rank 3"},
		{"grad_shape", []ir.Type{x}, func(in []*ir.Value) { ir.Apply(ops.AvgPoolGradOp{Window: flat(3), Shape: shape.Of(1, 2, 6)}, in...) }, "avg_pool_grad: windows over [1 2 6] give [1 2 6], not [1 2 5]"},
	}}
}
