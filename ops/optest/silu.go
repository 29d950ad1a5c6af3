package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func silu() Table {
	silu := one(func(in []*ir.Value) *ir.Value { return ops.SiLU(in[0]) })
	gen := NewGen("silu")
	inf, nan := math.Inf(1), math.NaN()

	cases := Golden("activations", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		if a.Op() == "silu" {
			return silu
		}
		return nil
	})
	slope := func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.SiLUSlopeOp{}, in...) }
	cases = append(cases,
		Case{Name: "slope", In: []*tensor.Tensor{gen.Uniform(-5, 5, 3, 5)}, Build: slope, Smooth: true},
		Case{Name: "slope, long", In: []*tensor.Tensor{gen.Uniform(-9, 9, 2, 1025)}, Build: slope, NoGrad: true},
		Case{
			Name: "slope, edges", Build: slope, NoGrad: true,
			In:   []*tensor.Tensor{Floats(inf, -inf, nan, 0)},
			Want: []*tensor.Tensor{Floats(nan, nan, nan, 0.5)},
		},
		Case{Name: "rank0", In: []*tensor.Tensor{gen.Normal()}, Build: silu, Smooth: true},
		Case{Name: "rank3", In: []*tensor.Tensor{gen.Uniform(-5, 5, 2, 1, 9)}, Build: silu, Smooth: true},
		Case{Name: "empty", In: []*tensor.Tensor{gen.Normal(3, 0)}, Build: silu},
		Case{Name: "special", In: []*tensor.Tensor{special()}, Build: silu, NoGrad: true},
		Case{
			Name: "edges", Build: silu, NoGrad: true,
			In:   []*tensor.Tensor{Floats(inf, -inf, nan, 0)},
			Want: []*tensor.Tensor{Floats(inf, nan, nan, 0)},
		},
	)
	return Table{byElement(cases), []Mistake{
		{"bools", []ir.Type{typ(dtype.Bool, 3)}, func(in []*ir.Value) { ops.SiLU(in[0]) }, "silu: wants a floating-point type, got bool"},
	}}
}
