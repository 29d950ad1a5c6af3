package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func cumulative() Table {
	with := func(op ops.CumulativeOp) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.Cumulate(in[0], op) })
	}
	funcs := map[string]ops.CumulativeFunc{"cumsum": ops.CumSumFunc, "cumprod": ops.CumProdFunc, "logcumsumexp": ops.LogCumSumExpFunc}
	gen := NewGen("cumulative")
	var cases []Case
	for name, f := range funcs {
		cases = append(cases, of("cumulative", name, func(a Attrs, in []*ir.Value) []*ir.Value {
			return with(ops.CumulativeOp{F: f, Axis: a.Int("axis"), Reverse: a.Bool("reverse"), Exclusive: a.Bool("exclusive")})(in)
		})...)
		for option, op := range map[string]ops.CumulativeOp{
			"": {F: f, Axis: 1}, " reverse": {F: f, Axis: 1, Reverse: true}, " exclusive": {F: f, Axis: 1, Exclusive: true}, " both": {F: f, Axis: 1, Reverse: true, Exclusive: true},
		} {
			// Where the log of nothing is -Inf, differences are NaN.
			infinite := f == ops.LogCumSumExpFunc && op.Exclusive
			cases = append(cases, Case{Name: name + option, In: []*tensor.Tensor{gen.Normal(2, 4, 3)}, Build: with(op), Smooth: !infinite, NoGrad: infinite})
			for _, dt := range dtype.All() {
				if dt.IsInt() && f != ops.LogCumSumExpFunc {
					cases = append(cases, Case{Name: name + option + " of " + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 1, 100, 2, 9, 3)}, Build: with(op), NoGrad: true})
				}
			}
		}
		cases = append(cases, Case{Name: name + " of many lines", In: []*tensor.Tensor{gen.Normal(3, 9, 150)}, Build: with(ops.CumulativeOp{F: f, Axis: 1})})
	}
	inf, nan := math.Inf(1), math.NaN()
	sum, log := with(ops.CumulativeOp{F: ops.CumSumFunc}), with(ops.CumulativeOp{F: ops.LogCumSumExpFunc})
	cases = append(cases,
		Case{Name: "sum of infinities", In: []*tensor.Tensor{Floats(1, inf, 2, -inf, 3)}, Build: sum, NoGrad: true, Want: []*tensor.Tensor{Floats(1, inf, inf, nan, nan)}},
		Case{Name: "log of infinities", In: []*tensor.Tensor{Floats(-inf, -inf, 1, inf, 2, nan, 1)}, Build: log, NoGrad: true, Want: []*tensor.Tensor{Floats(-inf, -inf, 1, inf, inf, nan, nan)}},
		Case{Name: "log of large", In: []*tensor.Tensor{Floats(1000, 1000, -1000)}, Build: log, NoGrad: true, Want: []*tensor.Tensor{Floats(1000, 1000+math.Ln2, 1000+math.Ln2)}},
		Case{Name: "product with a zero", In: []*tensor.Tensor{Floats(2, 0, 3, 4)}, Build: with(ops.CumulativeOp{F: ops.CumProdFunc}), Smooth: true},
		Case{Name: "product with a zero, reverse", In: []*tensor.Tensor{Floats(2, 5, 0, 4)}, Build: with(ops.CumulativeOp{F: ops.CumProdFunc, Reverse: true, Exclusive: true}), Smooth: true},
		Case{Name: "plain", In: []*tensor.Tensor{gen.Normal(3, 4)}, Build: func(in []*ir.Value) []*ir.Value {
			return []*ir.Value{ops.CumSum(in[0], -1), ops.CumProd(in[0], 0), ops.LogCumSumExp(in[0], 1)}
		}, Smooth: true},
	)
	x := typ(dtype.Float32, 4, 3)
	return Table{cases, []Mistake{
		{"axis", []ir.Type{x}, func(in []*ir.Value) { ops.CumSum(in[0], 2) }, "cumsum: axis 2 is outside a tensor of rank 2: in0 f32[4 3]"},
		{"bool", []ir.Type{typ(dtype.Bool, 3)}, func(in []*ir.Value) { ops.CumProd(in[0], 0) }, "cumprod: is not defined for bool; cast first"},
		{"log of integers", []ir.Type{typ(dtype.Int32, 3)}, func(in []*ir.Value) { ops.LogCumSumExp(in[0], 0) }, "logcumsumexp: wants a floating-point type, got i32"},
		{"log axis", []ir.Type{x}, func(in []*ir.Value) { ops.LogCumSumExp(in[0], -3) }, "logcumsumexp: axis -3 is outside a tensor of rank 2"},
		{"operands", []ir.Type{x, x}, func(in []*ir.Value) { ir.Apply(ops.CumulativeOp{}, in...) }, "cumsum: wants 1 operands, got 2"},
	}}
}
