package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// hardtanh has the cases that those of activation lack.
func hardtanh() Table {
	build := one(func(in []*ir.Value) *ir.Value { return ops.Hardtanh(in[0], -0.5, 0.7) })
	grad := func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.HardtanhGradOp{Lo: -0.5, Hi: 0.75}, in...) }
	gen := NewGen("hardtanh")
	inf, nan := math.Inf(1), math.NaN()
	return Table{byElement([]Case{
		{Name: "rank0", In: []*tensor.Tensor{gen.Apart()}, Build: build, Smooth: true},
		{Name: "rank4", In: []*tensor.Tensor{gen.Apart(2, 3, 1, 5)}, Build: build, Smooth: true},
		{Name: "empty", In: []*tensor.Tensor{gen.Apart(0, 3)}, Build: build},
		{
			Name: "edges", Build: one(func(in []*ir.Value) *ir.Value { return ops.Hardtanh(in[0], -0.5, 0.75) }), NoGrad: true,
			In:       []*tensor.Tensor{Floats(inf, -inf, nan, -0.5, 0.75, 0.25)},
			Want:     []*tensor.Tensor{Floats(0.75, -0.5, nan, -0.5, 0.75, 0.25)},
			Gout:     []*tensor.Tensor{Floats(inf, nan, 2, inf, nan, 2)},
			WantGrad: []*tensor.Tensor{Floats(0, 0, 2, 0, 0, 2)},
		},
		{Name: "grad", In: []*tensor.Tensor{gen.Apart(3, 7), gen.Normal(3, 7)}, Build: grad, Smooth: true},
		{Name: "grad, long", In: []*tensor.Tensor{gen.Apart(2, 1025), gen.Normal(2, 1025)}, Build: grad, NoGrad: true},
		{
			Name: "grad edges", Build: grad, NoGrad: true,
			In:   []*tensor.Tensor{Floats(0.75, nan, -0.5, 0.25, -0.5), Floats(3, 3, inf, 3, nan)},
			Want: []*tensor.Tensor{Floats(0, 3, 0, 3, 0)},
		},
	}), []Mistake{
		{"limits", []ir.Type{typ(dtype.Float32, 3)}, func(in []*ir.Value) { ops.Hardtanh(in[0], 2, 1) }, "hardtanh: lower limit 2 is above upper limit 1: in0 f32[3]"},
		{"integers", []ir.Type{typ(dtype.Int32, 3)}, func(in []*ir.Value) { ops.Hardtanh(in[0], 1, 2) }, "hardtanh: wants a floating-point type, got i32: in0 i32[3]"},
		{"grad of another shape", []ir.Type{typ(dtype.Float32, 3), typ(dtype.Float32, 4)}, func(in []*ir.Value) { grad(in) }, "hardtanh_grad: shapes differ"},
	}}
}
