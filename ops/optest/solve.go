package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func solve() Table {
	cases := linear("solve", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.Solve(in[0], in[1])) })
	cases = append(cases, linear("inverse", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.InverseMatrix(in[0])) })...)
	cases = append(cases, linear("det", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.Det(in[0])) })...)
	cases = append(cases, linear("slogdet", func(_ Attrs, in []*ir.Value) []*ir.Value { return pair(ops.SLogDet(in[0])) })...)
	cases = append(cases, linear("logdet", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.LogDet(in[0])) })...)
	gen, inf, nan := NewGen("solve"), math.Inf(1), math.NaN()
	logs := func(in []*ir.Value) []*ir.Value {
		sign, log := ops.SLogDet(in[0])
		return []*ir.Value{sign, log, ops.Det(in[0]), ops.LogDet(in[0])}
	}
	one1 := func(v float64) *tensor.Tensor { return tensor.Scalar(v) }
	cases = append(cases,
		Case{Name: "system", In: []*tensor.Tensor{square(0, 2, 1, 3, 1, 0, 1, 1, 4), gen.Normal(2, 3, 2)}, Build: both(ops.Solve), Smooth: true},
		Case{Name: "inverse", In: []*tensor.Tensor{square(0, 2, 3, 1)}, Build: one(func(in []*ir.Value) *ir.Value { return ops.InverseMatrix(in[0]) }), Smooth: true},
		Case{Name: "determinants", In: []*tensor.Tensor{square(0, 2, 1, 3, 1, 0, 1, 1, 4)}, Build: one(func(in []*ir.Value) *ir.Value { return ops.Det(in[0]) }), Smooth: true},
		Case{Name: "logarithms", In: []*tensor.Tensor{gen.Normal(2, 3, 3)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.LogDet(gram(in[0])) })},
		Case{Name: "negative", In: []*tensor.Tensor{square(0, 2, 3, 1)}, Build: logs, NoGrad: true, Want: []*tensor.Tensor{one1(-1), one1(math.Log(6)), one1(-6), one1(nan)}},
		Case{Name: "singular", In: []*tensor.Tensor{square(1, 2, 2, 4)}, Build: logs, NoGrad: true, Want: []*tensor.Tensor{one1(0), one1(-inf), one1(0), one1(-inf)}},
		Case{Name: "nan", In: []*tensor.Tensor{square(nan, 2, 2, 4)}, Build: logs, NoGrad: true, Want: []*tensor.Tensor{one1(nan), one1(nan), one1(nan), one1(nan)}},
		Case{Name: "of nothing", In: []*tensor.Tensor{gen.Normal(0, 0)}, Build: logs, NoGrad: true, Want: []*tensor.Tensor{one1(1), one1(0), one1(1), one1(0)}},
		Case{Name: "singular system", In: []*tensor.Tensor{square(2, 0, 0, 0), tensor.Must(Floats(1, 5).Reshape(2, 1))}, Build: both(ops.Solve), NoGrad: true,
			Want: []*tensor.Tensor{tensor.Must(Floats(nan, inf).Reshape(2, 1))}},
	)
	a, b := typ(dtype.Float32, 3, 3), typ(dtype.Float32, 2, 1)
	mistakes := append(squareMistakes("slogdet", ops.LogDet), squareMistakes("inverse", ops.InverseMatrix)...)
	return Table{cases, append(mistakes,
		Mistake{"rows", []ir.Type{a, b}, func(in []*ir.Value) { ops.Solve(in[0], in[1]) }, "solve: wants a [... N N] and b [... N K]: in0 f32[3 3], in1 f32[2 1]"},
		Mistake{"batch", []ir.Type{typ(dtype.Float32, 2, 3, 3), typ(dtype.Float32, 4, 3, 1)}, func(in []*ir.Value) { ops.Solve(in[0], in[1]) }, "solve: shapes [2] and [4] do not broadcast"},
	)}
}
