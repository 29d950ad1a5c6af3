package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func cumExtreme() Table {
	two := func(f func(x *ir.Value, axis int) (v, i *ir.Value), axis int) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			v, i := f(in[0], axis)
			return []*ir.Value{v, i}
		}
	}
	gen := NewGen("cum_extreme")
	var cases []Case
	for name, f := range map[string]func(x *ir.Value, axis int) (v, i *ir.Value){"cummax": ops.CumMax, "cummin": ops.CumMin} {
		cases = append(cases, of("cumulative", name, func(a Attrs, in []*ir.Value) []*ir.Value { return two(f, a.Int("axis"))(in) })...)
		for _, dt := range dtype.All() {
			if dt.IsInt() {
				cases = append(cases, Case{Name: name + " of " + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 50, 2, 9, 3)}, Build: two(f, 1), NoGrad: true})
			}
		}
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Apart(2, 5, 3)}, Build: two(f, 1), Smooth: true},
			Case{Name: name + " of many lines", In: []*tensor.Tensor{gen.Apart(2, 9, 150)}, Build: two(f, 1)})
	}
	back := func(f ops.ReduceFunc) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.CumExtremeOp{F: f, Axis: 0, Reverse: true}, in...)
		}
	}
	nan := math.NaN()
	cases = append(cases,
		Case{Name: "reverse", In: []*tensor.Tensor{gen.Apart(5, 3)}, Build: back(ops.AmaxFunc), Smooth: true},
		Case{Name: "reverse with ties", In: []*tensor.Tensor{Floats(3, 1, 3, 2, 2)}, Build: back(ops.AmaxFunc), NoGrad: true,
			Want: []*tensor.Tensor{Floats(3, 3, 3, 2, 2), tensor.Must(tensor.Of([]int64{0, 2, 2, 3, 4}))}},
		Case{Name: "reverse with nan", In: []*tensor.Tensor{Floats(3, nan, 1, nan, 2)}, Build: back(ops.AminFunc), NoGrad: true,
			Want: []*tensor.Tensor{Floats(nan, nan, nan, nan, 2), tensor.Must(tensor.Of([]int64{1, 1, 3, 3, 4}))}},
	)
	x := typ(dtype.Float32, 4, 3)
	return Table{cases, []Mistake{
		{"axis", []ir.Type{x}, func(in []*ir.Value) { ops.CumMax(in[0], 2) }, "cummax: axis 2 is outside a tensor of rank 2: in0 f32[4 3]"},
		{"bool", []ir.Type{typ(dtype.Bool, 3)}, func(in []*ir.Value) { ops.CumMin(in[0], 0) }, "cummin: is not defined for bool; cast first"},
		{"function", []ir.Type{x}, func(in []*ir.Value) { ir.Apply(ops.CumExtremeOp{F: ops.SumFunc}, in...) }, "looks for the largest or the smallest element only"},
	}}
}
