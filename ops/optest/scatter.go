package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func scatter() Table {
	reduce := func(f ops.ReduceFunc, axis int, self bool) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.ScatterReduce(f, in[0], in[1], in[2], axis, self) })
	}
	set := func(axis int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.ScatterSet(in[0], in[1], in[2], axis) })
	}
	funcs := map[string]ops.ReduceFunc{"sum": ops.SumFunc, "prod": ops.ProdFunc, "amax": ops.AmaxFunc, "amin": ops.AminFunc}
	cases := of("scatter", "scatter_set", func(a Attrs, in []*ir.Value) []*ir.Value { return set(a.Int("axis"))(in) })
	cases = append(cases, of("scatter", "scatter_mean", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.ScatterMean(in[0], in[1], in[2], a.Int("axis"), a.Bool("include_self")))
	})...)
	gen := NewGen("scatter")
	for name, f := range funcs {
		cases = append(cases, of("scatter", "scatter_"+name, func(a Attrs, in []*ir.Value) []*ir.Value {
			return reduce(f, a.Int("axis"), a.Bool("include_self"))(in)
		})...)
		idx := gen.Ints(dtype.Int64, 0, 4, 6, 3)
		cases = append(cases,
			Case{Name: name, In: []*tensor.Tensor{gen.Apart(4, 3), idx, gen.Apart(6, 3)}, Build: reduce(f, 0, true), Smooth: f != ops.ProdFunc},
			Case{Name: name + " alone", In: []*tensor.Tensor{gen.Apart(4, 3), idx, gen.Apart(6, 3)}, Build: reduce(f, 0, false), Smooth: f != ops.ProdFunc},
			Case{Name: name + " of many lines", In: []*tensor.Tensor{gen.Normal(3, 9, 150), gen.Ints(dtype.Int64, 0, 9, 3, 20, 140), gen.Normal(3, 20, 140)}, Build: reduce(f, 1, true), NoGrad: true, Loose: 10}, // products of up to 10 numbers
		)
		for _, dt := range dtype.All() {
			if dt.IsInt() {
				cases = append(cases,
					Case{Name: name + " of " + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 1, 9, 4, 3), idx, gen.Ints(dt, 1, 9, 6, 3)}, Build: reduce(f, 0, true), NoGrad: true},
					Case{Name: name + " by " + dt.String(), In: []*tensor.Tensor{gen.Apart(4, 3), gen.Ints(dt, 0, 4, 2, 3), gen.Apart(2, 3)}, Build: reduce(f, 0, true), NoGrad: true})
			}
		}
	}
	// Numbers of moderate size: products do not grow beyond what differences see.
	cases = append(cases, Case{Name: "prod of few", In: []*tensor.Tensor{gen.Uniform(0.5, 2, 3), tensor.Must(tensor.Of([]int64{0, 1, 1, 0})), gen.Uniform(0.5, 2, 4)}, Build: reduce(ops.ProdFunc, 0, true), Smooth: true})
	for _, dt := range dtype.All() {
		cases = append(cases, Case{Name: "set of " + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 90, 5, 3), gen.Ints(dtype.Int64, 0, 5, 6, 3), gen.Ints(dt, 0, 90, 6, 3)}, Build: set(0), NoGrad: true})
	}
	nan, outside := math.NaN(), tensor.Must(tensor.Of([]int64{1, -1, 2, math.MinInt64}))
	twice := tensor.Must(tensor.Of([]int64{1, 0, 1, 1}))
	cases = append(cases,
		Case{Name: "set", In: []*tensor.Tensor{gen.Normal(4, 3), gen.Ints(dtype.Int64, 0, 4, 6, 3), gen.Normal(6, 3)}, Build: set(0), Smooth: true},
		Case{Name: "the last wins", In: []*tensor.Tensor{Floats(7, 8, 9), twice, Floats(1, 2, 3, 4)}, Build: set(0), Want: []*tensor.Tensor{Floats(2, 4, 9)}, NoGrad: true,
			Gout: []*tensor.Tensor{Floats(10, 20, 30)}, WantGrad: []*tensor.Tensor{Floats(0, 0, 30), nil, Floats(0, 10, 0, 20)}},
		Case{Name: "set outside", In: []*tensor.Tensor{Floats(3, 4), outside, Floats(1, 2, 3, 5)}, Build: set(0), Want: []*tensor.Tensor{Floats(3, 1)}, NoGrad: true,
			Gout: []*tensor.Tensor{Floats(10, 20)}, WantGrad: []*tensor.Tensor{Floats(10, 0), nil, Floats(20, 0, 0, 0)}},
		Case{Name: "set at nothing but outside", In: []*tensor.Tensor{Floats(3, 4), tensor.Must(tensor.Of([]int64{-1, 2})), Floats(1, 2)}, Build: set(0), Want: []*tensor.Tensor{Floats(3, 4)}, NoGrad: true,
			Gout: []*tensor.Tensor{Floats(10, 20)}, WantGrad: []*tensor.Tensor{Floats(10, 20), nil, Floats(0, 0)}},
		Case{Name: "largest outside", In: []*tensor.Tensor{Floats(3, 4), outside, Floats(9, 9, 9, 9)}, Build: reduce(ops.AmaxFunc, 0, true), Want: []*tensor.Tensor{Floats(3, 9)}, NoGrad: true},
		Case{Name: "product outside", In: []*tensor.Tensor{Floats(3, 4), outside, Floats(2, 9, 9, 9)}, Build: reduce(ops.ProdFunc, 0, true), Want: []*tensor.Tensor{Floats(3, 8)}, NoGrad: true},
		Case{Name: "largest with nan", In: []*tensor.Tensor{Floats(3, nan, 1), twice, Floats(1, nan, 3, 4)}, Build: reduce(ops.AmaxFunc, 0, true), Want: []*tensor.Tensor{Floats(nan, nan, 1)}, NoGrad: true},
		Case{Name: "smallest with nan", In: []*tensor.Tensor{Floats(3, 5, 1), twice, Floats(1, 7, nan, 4)}, Build: reduce(ops.AminFunc, 0, true), Want: []*tensor.Tensor{Floats(3, nan, 1)}, NoGrad: true},
	)
	x, i, s := typ(dtype.Float32, 4, 3), typ(dtype.Int64, 2, 2), typ(dtype.Float32, 2, 2)
	return Table{Cases: cases, Mistakes: []Mistake{
		{"source", []ir.Type{x, i, x}, func(in []*ir.Value) { ops.ScatterSet(in[0], in[1], in[2], 0) }, "scatter_set: wants a source f32[2 2]: in0 f32[4 3]"},
		{"axis", []ir.Type{x, i, s}, func(in []*ir.Value) { ops.ScatterSet(in[0], in[1], in[2], 2) }, "scatter_set: axis 2 is outside a tensor of rank 2"},
		{"alone", []ir.Type{x, i, x}, func(in []*ir.Value) { reduce(ops.ProdFunc, 0, false)(in) }, "scatter_prod: wants a source f32[2 2]"},
		{"alone of integers", []ir.Type{typ(dtype.Int32, 4, 3), i, typ(dtype.Int32, 2, 2)}, func(in []*ir.Value) { reduce(ops.AminFunc, 0, false)(in) }, "scatter_amin: has no start for integers without those of x"},
		{"mean of integers", []ir.Type{typ(dtype.Int32, 4, 3), i, typ(dtype.Int32, 2, 2)}, func(in []*ir.Value) { ops.ScatterMean(in[0], in[1], in[2], 0, true) }, "scatter_mean: wants a floating-point type, got i32"},
		{"bool", []ir.Type{typ(dtype.Bool, 4, 3), i, typ(dtype.Bool, 2, 2)}, func(in []*ir.Value) { reduce(ops.AmaxFunc, 0, true)(in) }, "scatter_amax: is not defined for bool"},
		{"operands", []ir.Type{x, i}, func(in []*ir.Value) { ir.Apply(ops.ScatterSetOp{}, in...) }, "scatter_set: wants 3 operands, got 2"},
	}}
}
