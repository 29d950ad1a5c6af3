package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func after() Table {
	gen := NewGen("after")
	small := typ(dtype.Float32, 2)
	return Table{append(copies("after", []int{3, 5}, func(x *ir.Value) *ir.Value { return ops.After(x, x) }),
		Case{Name: "made again", In: []*tensor.Tensor{gen.Normal(4, 4), gen.Normal(4, 4)}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value {
				y := ops.MatMul(ops.Tanh(in[0]), in[1])
				return ops.Mul(ops.Tanh(ops.After(in[0], y)), ops.After(y, ops.Sum(y)))
			})},
		Case{Name: "of what is not written out", In: []*tensor.Tensor{gen.Normal(3)}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value {
				x := ops.BroadcastInDim(in[0], shapeOf([]int{2, 3}), 1)
				return ops.Add(ops.Exp(ops.After(x, ops.Exp(x))), ops.After(ops.OnesLike(x), in[0]))
			})},
	), []Mistake{{"operands", []ir.Type{small}, func(in []*ir.Value) { ir.Apply(ops.AfterOp{}, in...) }, "after: wants 2 operands, got 1"}}}
}
