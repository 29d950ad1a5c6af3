package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func stop() Table {
	x := NewGen("stop").Normal(2, 3)
	return Table{Cases: append(copiesWithoutGradient("stop", ops.StopGradient),
		Case{Name: "gradient", In: []*tensor.Tensor{Floats(2, 3)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Mul(in[0], ops.StopGradient(in[0])) }),
			Want:  []*tensor.Tensor{Floats(4, 9)}, Gout: []*tensor.Tensor{Floats(1, 1)}, WantGrad: []*tensor.Tensor{Floats(2, 3)}},
		Case{Name: "all_stopped", In: []*tensor.Tensor{x}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.StopGradient(in[0]) }),
			Want:  []*tensor.Tensor{x}, Gout: []*tensor.Tensor{x}, WantGrad: []*tensor.Tensor{tensor.New(dtype.Float64, x.Shape())}},
	)}
}

func copiesWithoutGradient(name string, f func(x *ir.Value) *ir.Value) []Case {
	cases := copies(name, []int{3, 5}, f)
	for i := range cases {
		cases[i].NoGrad, cases[i].Smooth = true, false
	}
	return cases
}
