package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func svd() Table {
	factor := func(in []*ir.Value) []*ir.Value {
		u, s, vt := ops.SVD(in[0])
		return []*ir.Value{u, s, vt}
	}
	cases := linear("svd", func(_ Attrs, in []*ir.Value) []*ir.Value { return factor(in) })
	gen, nan := NewGen("svd"), math.NaN()
	for name, dims := range map[string][]int{"square": {3, 3}, "tall": {2, 4, 2}, "wide": {2, 4}, "one": {1, 1}, "none": {0, 2, 3}} {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Normal(dims...)}, Build: factor, Smooth: true})
	}
	for i, name := range []string{"u alone", "s alone", "vt alone"} {
		cases = append(cases,
			Case{Name: name, In: []*tensor.Tensor{gen.Normal(4, 3)}, Smooth: true, Build: func(in []*ir.Value) []*ir.Value { return factor(in)[i : i+1] }},
			Case{Name: name + ", wide", In: []*tensor.Tensor{gen.Normal(2, 4)}, Smooth: true, Build: func(in []*ir.Value) []*ir.Value { return factor(in)[i : i+1] }})
	}
	cases = append(cases,
		Case{Name: "no columns", In: []*tensor.Tensor{gen.Normal(2, 3, 0)}, Build: factor},
		Case{Name: "diagonal", In: []*tensor.Tensor{square(2, 0, 0, -3)}, Build: factor, NoGrad: true, Want: []*tensor.Tensor{square(0, 1, 1, 0), Floats(3, 2), square(0, -1, 1, 0)}},
		Case{Name: "zeros", In: []*tensor.Tensor{square(0, 0, 0, 0)}, Build: factor, NoGrad: true, Want: []*tensor.Tensor{square(1, 0, 0, 1), Floats(0, 0), square(1, 0, 0, 1)}},
		Case{Name: "nan", In: []*tensor.Tensor{square(1, nan, 0, 1)}, Build: factor, NoGrad: true, Want: []*tensor.Tensor{square(nan, nan, nan, nan), Floats(nan, nan), square(nan, nan, nan, nan)}},
		Case{Name: "of lower rank", In: []*tensor.Tensor{gen.Normal(5, 1), gen.Normal(1, 4)}, NoGrad: true, Want: nil, // what multiplies back, and is orthonormal
			Build: both(func(x, y *ir.Value) *ir.Value {
				u, s, vt := ops.SVD(ops.MatMul(x, y))
				back := ops.MatMul(ops.Mul(u, ops.Unsqueeze(s, 0)), vt)
				return ops.Concat(0, back, ops.MatMul(ops.SwapAxes(u, 0, 1), u), ops.MatMul(vt, ops.SwapAxes(vt, 0, 1)))
			})},
	)
	return Table{cases, []Mistake{
		{"vector", []ir.Type{typ(dtype.Float32, 4)}, func(in []*ir.Value) { factor(in) }, "svd: wants a matrix, got rank 1: in0 f32[4]"},
		{"integers", []ir.Type{typ(dtype.Int64, 4, 4)}, func(in []*ir.Value) { factor(in) }, "svd: wants a floating-point type, got i64"},
		{"operands", []ir.Type{typ(dtype.Float32, 4, 4), typ(dtype.Float32, 4)}, func(in []*ir.Value) { ir.Apply(ops.SVDOp{}, in...) }, "svd: wants 1 operands, got 2"},
	}}
}
