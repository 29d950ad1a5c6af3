package optest

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// update has the rules of optimizers. Their references are the trajectories of
// package optim; here they are run on shapes that end blocks and vectors.
func update() Table {
	gen := NewGen("update")
	apply := func(f ops.UpdateFunc) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.UpdateOp{F: f}, in...) }
	}
	var cases []Case
	for f, scalars := range map[ops.UpdateFunc][]float64{
		ops.SGDUpdate:                     {0.1, 0.01},
		ops.SGDMomentumUpdate:             {0.1, 0.01, 0.9, 0.8},
		ops.SGDNesterovUpdate:             {0.1, 0.01, 0.9, 1, 0.9},
		ops.AdaGradUpdate:                 {0.1, 0.01, 1e-3},
		ops.RMSpropUpdate:                 {0.1, 0.01, 0.9, 0.1, 1e-3},
		ops.RMSpropCenteredUpdate:         {0.1, 0.01, 0.9, 0.1, 1e-3},
		ops.RMSpropMomentumUpdate:         {0.1, 0.01, 0.9, 0.1, 1e-3, 0.8},
		ops.RMSpropCenteredMomentumUpdate: {0.1, 0.01, 0.9, 0.1, 1e-3, 0.8},
		ops.AdamUpdate:                    {0.1, 0.01, 0.1, 0.99, 0.01, 1.5, 1e-3, 0.99},
	} {
		operands := func(dims ...int) []*tensor.Tensor {
			in := []*tensor.Tensor{gen.Normal(dims...), gen.Normal(dims...)}
			for range f.States() { // squares, and means far smaller than their roots
				in = append(in, gen.Uniform(0.5, 0.7, dims...))
			}
			for _, s := range scalars {
				in = append(in, tensor.Scalar(s))
			}
			return in
		}
		name := ops.UpdateOp{F: f}.Name()
		cases = append(cases,
			Case{Name: name, In: operands(3, 5), Build: apply(f), Smooth: true},
			Case{Name: name + ", scalar", In: operands(), Build: apply(f), Smooth: true},
			Case{Name: name + ", one", In: operands(1, 1), Build: apply(f)},
			Case{Name: name + ", long", In: operands(2, 1025), Build: apply(f), NoGrad: true},
			Case{Name: name + ", empty", In: operands(0, 3), Build: apply(f)},
			Case{Name: name + ", the new parameter alone", In: operands(7), Build: func(in []*ir.Value) []*ir.Value { return apply(f)(in)[:1] }},
			Case{Name: name + ", of a product", Build: func(in []*ir.Value) []*ir.Value {
				p := in[0]
				in = append([]*ir.Value{p, ops.MatMul(ops.Transpose(p, 1, 0), in[1])}, in[2:]...)
				in[0] = ops.MatMul(p, p)
				return apply(f)(in)
			}, In: operands(9, 9), NoGrad: true},
		)
		for _, open := range []bool{true, false} {
			gated := func(in []*ir.Value) []*ir.Value {
				return ir.Apply(ops.UpdateOp{F: f, Gated: true}, in...)
			}
			gate := func(dims ...int) []*tensor.Tensor { return append(operands(dims...), tensor.Scalar(open)) }
			cases = append(cases,
				Case{Name: fmt.Sprintf("%s, gate %v", name, open), In: gate(3, 5), Build: gated, Smooth: true},
				Case{Name: fmt.Sprintf("%s, gate %v, scalar", name, open), In: gate(), Build: gated, NoGrad: true},
				Case{Name: fmt.Sprintf("%s, gate %v, long", name, open), In: gate(2, 1025), Build: gated, NoGrad: true},
				Case{Name: fmt.Sprintf("%s, gate %v, of a product that is not finite", name, open), Build: func(in []*ir.Value) []*ir.Value {
					p := in[0]
					in = append([]*ir.Value{p, ops.Div(ops.MatMul(p, p), ops.Scalar(p, 0))}, in[2:]...)
					return gated(in)
				}, In: gate(9, 9), NoGrad: true},
			)
		}
	}
	p, s := typ(dtype.Float32, 4, 3), typ(dtype.Float32)
	return Table{cases, []Mistake{
		{"operands", []ir.Type{p, p, s}, func(in []*ir.Value) { apply(ops.SGDUpdate)(in) }, "sgd_update: wants 4 operands, got 3"},
		{"gradient", []ir.Type{p, typ(dtype.Float32, 3), s, s}, func(in []*ir.Value) { apply(ops.SGDUpdate)(in) }, "must have one type, operand 1 has another"},
		{"scalar", []ir.Type{p, p, s, typ(dtype.Float64)}, func(in []*ir.Value) { apply(ops.SGDUpdate)(in) }, "scalar 1 must be f32 of rank 0, got f64[]"},
		{"no gate", []ir.Type{p, p, s, s}, func(in []*ir.Value) { ir.Apply(ops.UpdateOp{F: ops.SGDUpdate, Gated: true}, in...) }, "sgd_update: wants 5 operands, got 4"},
		{"gate", []ir.Type{p, p, s, s, s}, func(in []*ir.Value) { ir.Apply(ops.UpdateOp{F: ops.SGDUpdate, Gated: true}, in...) }, "the gate must be bool of rank 0, got f32[]"},
		{"integers", []ir.Type{typ(dtype.Int32, 3), typ(dtype.Int32, 3), s, s}, func(in []*ir.Value) { apply(ops.SGDUpdate)(in) }, "wants a floating-point type, got i32"},
	}}
}
