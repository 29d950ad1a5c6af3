package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func relu() Table {
	relu := one(func(in []*ir.Value) *ir.Value { return ops.ReLU(in[0]) })
	reluGrad := func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.ReLUGradOp{}, in...) }
	gen := NewGen("relu")
	inf, nan := math.Inf(1), math.NaN()

	cases := Golden("activations", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		if a.Op() == "relu" {
			return relu
		}
		return nil
	})
	cases = append(cases,
		Case{Name: "rank0", In: []*tensor.Tensor{gen.Apart()}, Build: relu, Smooth: true},
		Case{Name: "rank4", In: []*tensor.Tensor{gen.Apart(2, 3, 1, 5)}, Build: relu, Smooth: true},
		Case{Name: "empty", In: []*tensor.Tensor{gen.Apart(0, 3)}, Build: relu},
		Case{
			Name: "edges", Build: relu, NoGrad: true,
			In:       []*tensor.Tensor{Floats(inf, -inf, nan, 0, math.Copysign(0, -1), 1e-300, -1e-300)},
			Want:     []*tensor.Tensor{Floats(inf, 0, nan, 0, 0, 1e-300, 0)},
			Gout:     []*tensor.Tensor{Floats(2, 2, 2, 2, 2, 2, 2)},
			WantGrad: []*tensor.Tensor{Floats(2, 0, 2, 0, 0, 2, 0)},
		},
		// No NaN comes from a gradient that is dropped.
		Case{
			Name: "infinite gradient", Build: relu, NoGrad: true,
			In: []*tensor.Tensor{Floats(1, -1, 0)}, Gout: []*tensor.Tensor{Floats(inf, nan, inf)},
			WantGrad: []*tensor.Tensor{Floats(inf, 0, 0)},
		},
		Case{Name: "grad", In: []*tensor.Tensor{gen.Apart(3, 7), gen.Normal(3, 7)}, Build: reluGrad, Smooth: true},
		Case{Name: "grad empty", In: []*tensor.Tensor{gen.Apart(0), gen.Normal(0)}, Build: reluGrad},
		Case{
			Name: "grad edges", Build: reluGrad, NoGrad: true,
			In:   []*tensor.Tensor{Floats(inf, nan, 0, 1e-300, 0, 0), Floats(3, 3, 3, 3, nan, inf)},
			Want: []*tensor.Tensor{Floats(3, 3, 0, 3, 0, 0)},
		},
	)
	return Table{byElement(cases), []Mistake{
		{"integers", []ir.Type{typ(dtype.Int32, 3)}, func(in []*ir.Value) { ops.ReLU(in[0]) }, "relu: wants a floating-point type, got i32: in0 i32[3]"},
		{"grad of another shape", []ir.Type{typ(dtype.Float32, 3), typ(dtype.Float32, 4)}, func(in []*ir.Value) { reluGrad(in) }, "relu_grad: shapes differ"},
		{"grad of another type", []ir.Type{typ(dtype.Float32, 3), typ(dtype.Float64, 3)}, func(in []*ir.Value) { reluGrad(in) }, "relu_grad: element types differ"},
		{"grad of one operand", []ir.Type{typ(dtype.Float32, 3)}, func(in []*ir.Value) { reluGrad(in) }, "relu_grad: wants 2 operands, got 1"},
	}}
}
