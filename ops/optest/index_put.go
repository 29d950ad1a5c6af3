package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func indexPut() Table {
	cases := of("scatter", "gather_nd", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.GatherND(in[0], in[1:]...)) })
	cases = append(cases, of("scatter", "index_put", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.IndexPut(in[0], in[1], in[2:]...)) })...)
	cases = append(cases, of("scatter", "index_put_add", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.IndexPutAdd(in[0], in[1], in[2:]...)) })...)
	cases = append(cases, of("scatter", "take_along", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.TakeAlong(in[0], in[1], a.Int("axis"))) })...)
	for name, f := range map[string]ops.ReduceFunc{"index_prod": ops.ProdFunc, "index_amax": ops.AmaxFunc} {
		cases = append(cases, of("scatter", name, func(a Attrs, in []*ir.Value) []*ir.Value {
			return only(ops.IndexReduce(f, in[0], in[1], in[2], a.Int("axis"), a.Bool("include_self")))
		})...)
	}
	gen := NewGen("index_put")
	rows, cols := gen.Ints(dtype.Int64, 0, 4, 6), gen.Ints(dtype.Int32, 0, 5, 6)
	nan := math.NaN()
	whole := func(v ...int64) *tensor.Tensor { return tensor.Must(tensor.Of(v)) }
	matrix := tensor.Must(Floats(1, 2, 3, 4).Reshape(2, 2))
	cases = append(cases,
		Case{Name: "gather", In: []*tensor.Tensor{gen.Normal(4, 5, 2), rows, cols}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.GatherND(in[0], in[1], in[2]) })},
		Case{Name: "put", In: []*tensor.Tensor{gen.Normal(4, 5, 2), gen.Normal(2), rows, cols}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.IndexPut(in[0], in[1], in[2:]...) })},
		Case{Name: "put add", In: []*tensor.Tensor{gen.Normal(4, 5, 2), gen.Normal(6, 1), rows, cols}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.IndexPutAdd(in[0], in[1], in[2:]...) })},
		// Each index is checked by itself: 0, 2 is not the place of 1, 0.
		Case{Name: "outside", In: []*tensor.Tensor{matrix, whole(0, 1, 0, -1, 1), whole(2, 1, -1, 1, math.MaxInt64)}, NoGrad: true, Want: []*tensor.Tensor{Floats(nan, 4, nan, nan, nan)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.GatherND(in[0], in[1], in[2]) })},
		Case{Name: "put outside", In: []*tensor.Tensor{matrix, whole(0, 1, 0, -1), whole(2, 1, -1, 1)}, NoGrad: true, Want: []*tensor.Tensor{tensor.Must(Floats(1, 2, 3, 9).Reshape(2, 2))},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.IndexPut(in[0], ops.Scalar(in[0], 9), in[1], in[2]) })},
		Case{Name: "beyond int64", In: []*tensor.Tensor{Floats(1, 2), tensor.Must(tensor.Of([]uint64{1, 1 << 63, 1<<64 - 1}))}, NoGrad: true, Want: []*tensor.Tensor{Floats(2, nan, nan)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.GatherND(in[0], in[1]) })},
		Case{Name: "wrapped", In: []*tensor.Tensor{Floats(1, 2, 3), whole(-1, 0, -3, 2, -4)}, NoGrad: true, Want: []*tensor.Tensor{Floats(3, 1, 1, 3, nan)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Take(in[0], ops.WrapIndex(in[1], 3), 0) })},
		Case{Name: "unsigned is not wrapped", In: []*tensor.Tensor{Floats(1, 2, 3), tensor.Must(tensor.Of([]uint8{2, 255}))}, NoGrad: true, Want: []*tensor.Tensor{Floats(3, nan)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Take(in[0], ops.WrapIndex(in[1], 3), 0) })},
	)
	x, i := typ(dtype.Float32, 4, 3), typ(dtype.Int64, 2)
	return Table{cases, []Mistake{
		{"no index", []ir.Type{x}, func(in []*ir.Value) { ops.GatherND(in[0]) }, "gather_nd: wants 1 to 2 indices, got 0: in0 f32[4 3]"},
		{"many", []ir.Type{x, i}, func(in []*ir.Value) { ops.GatherND(in[0], in[1], in[1], in[1]) }, "gather_nd: wants 1 to 2 indices, got 3"},
		{"type", []ir.Type{x, x}, func(in []*ir.Value) { ops.GatherND(in[0], in[1]) }, "gather_nd: wants an index of an integer type, got f32"},
		{"indices", []ir.Type{x, i, typ(dtype.Int64, 3)}, func(in []*ir.Value) { ops.GatherND(in[0], in[1], in[2]) }, "gather_nd: shapes [2] and [3] do not broadcast"},
		{"values", []ir.Type{x, typ(dtype.Float32, 5, 2, 3), i}, func(in []*ir.Value) { ops.IndexPut(in[0], in[1], in[2]) }, "index_put: values [5 2 3] do not fit what the indices name, [2 3]"},
		{"values add", []ir.Type{x, typ(dtype.Float32, 2), i}, func(in []*ir.Value) { ops.IndexPutAdd(in[0], in[1], in[2]) }, "index_put_add: shapes [2] and [2 3] do not broadcast"},
		{"along", []ir.Type{x, i}, func(in []*ir.Value) { ops.TakeAlong(in[0], in[1], 0) }, "take_along: wants an index of the operand's rank"},
		{"along axis", []ir.Type{x, i}, func(in []*ir.Value) { ops.TakeAlong(in[0], in[1], 2) }, "take_along: axis 2 is outside a tensor of rank 2"},
		{"along shape", []ir.Type{x, typ(dtype.Int64, 3, 2)}, func(in []*ir.Value) { ops.TakeAlong(in[0], in[1], 1) }, "take_along: shapes [4 1] and [3 1] do not broadcast"},
		{"reduce", []ir.Type{x, i, x}, func(in []*ir.Value) { ops.IndexReduce(ops.ProdFunc, in[0], in[1], in[2], 0, true) }, "index_reduce: wants an index of rank 1 and a source of as many slices"},
	}}
}
