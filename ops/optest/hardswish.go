package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func hardswish() Table {
	hardswish := one(func(in []*ir.Value) *ir.Value { return ops.Hardswish(in[0]) })
	slope := func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.HardswishSlopeOp{}, in...) }
	gen := NewGen("hardswish")
	inf, nan := math.Inf(1), math.NaN()

	cases := Golden("activations", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		if a.Op() == "hardswish" {
			return hardswish
		}
		return nil
	})
	for _, c := range cases {
		if c.Name == "torch/hardswish_default_special" { // elements: Inf, -Inf, NaN, ...; see the documentation
			c.Want[0].SetFloat(1, 0)
			c.WantGrad[0].SetFloat(2, nan)
		}
	}
	cases = append(cases,
		Case{Name: "slope", In: []*tensor.Tensor{gen.Apart(3, 5)}, Build: slope, NoGrad: true},
		Case{Name: "slope, long", In: []*tensor.Tensor{gen.Uniform(-9, 9, 2, 1025)}, Build: slope, NoGrad: true},
		Case{
			Name: "slope, edges", Build: slope, NoGrad: true,
			In:   []*tensor.Tensor{Floats(inf, -inf, nan, 0, 3, -3, 1.5)},
			Want: []*tensor.Tensor{Floats(1, 0, nan, 0.5, 1, 0, 1)},
		},
		Case{Name: "rank0", In: []*tensor.Tensor{gen.Apart()}, Build: hardswish, Smooth: true},
		Case{Name: "rank2", In: []*tensor.Tensor{gen.Apart(3, 2)}, Build: hardswish, Smooth: true},
		Case{Name: "long", In: []*tensor.Tensor{gen.Uniform(-9, 9, 2, 1025)}, Build: hardswish, NoGrad: true},
		Case{Name: "empty", In: []*tensor.Tensor{gen.Normal(3, 0)}, Build: hardswish},
		Case{
			Name: "edges", Build: hardswish, NoGrad: true, // by differences, of infinities
			In: []*tensor.Tensor{Floats(inf, -inf, 3, -3, 7, -7)}, Want: []*tensor.Tensor{Floats(inf, 0, 3, 0, 7, 0)},
			Gout: []*tensor.Tensor{Floats(1, 1, 1, 1, 1, 1)}, WantGrad: []*tensor.Tensor{Floats(1, 0, 1, 0, 1, 0)},
		},
	)
	return Table{byElement(cases), []Mistake{
		{"bools", []ir.Type{typ(dtype.Bool, 3)}, func(in []*ir.Value) { ops.Hardswish(in[0]) }, "hardswish: wants a floating-point type, got bool"},
	}}
}
