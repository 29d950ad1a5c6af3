package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func gather() Table {
	gatherBuild := func(axis int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.Gather(in[0], in[1], axis) })
	}
	addBuild := func(axis int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.ScatterAdd(in[0], in[1], in[2], axis) })
	}
	cases := indexing("gather", func(a Attrs, in []*ir.Value) *ir.Value { return ops.Gather(in[0], in[1], a.Int("axis")) })
	cases = append(cases, indexing("scatter_add", func(a Attrs, in []*ir.Value) *ir.Value {
		return ops.ScatterAdd(in[0], in[1], in[2], a.Int("axis"))
	})...)
	gen := NewGen("gather")
	for name, c := range map[string]struct {
		dims, idx []int
		axis, n   int
	}{
		"rows": {[]int{5, 3}, []int{7, 3}, 0, 5}, "columns": {[]int{3, 5}, []int{3, 1}, 1, 5}, "fewer": {[]int{4, 5}, []int{3, 2}, 0, 4}, "middle": {[]int{2, 4, 3}, []int{2, 6, 2}, 1, 4},
		"negative_axis": {[]int{2, 4}, []int{2, 3}, -1, 4}, "vector": {[]int{4}, []int{9}, 0, 4}, "no_index": {[]int{4, 3}, []int{0, 3}, 0, 4},
	} {
		for _, dt := range []dtype.DType{dtype.Int64, dtype.Int32, dtype.Uint8, dtype.Uint32, dtype.Uint64} {
			idx := gen.Ints(dt, 0, c.n, c.idx...)
			cases = append(cases,
				Case{Name: name + "_by_" + dt.String(), In: []*tensor.Tensor{gen.Normal(c.dims...), idx}, Build: gatherBuild(c.axis), Smooth: dt == dtype.Int64},
				Case{Name: "add_" + name + "_by_" + dt.String(), In: []*tensor.Tensor{gen.Normal(c.dims...), idx, gen.Normal(c.idx...)}, Build: addBuild(c.axis), Smooth: dt == dtype.Int64},
			)
		}
	}
	for _, dt := range dtype.All() {
		idx := gen.Ints(dtype.Int64, 0, 5, 6, 3)
		cases = append(cases, Case{Name: "of_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 100, 5, 3), idx}, Build: gatherBuild(0), NoGrad: true})
		if dt != dtype.Bool {
			cases = append(cases, Case{Name: "add_of_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 100, 5, 3), idx, gen.Ints(dt, 0, 100, 6, 3)}, Build: addBuild(0), NoGrad: true})
		}
	}
	nan, outside := math.NaN(), tensor.Must(tensor.Of([]int64{1, -1, 2, math.MinInt64}))
	cases = append(cases,
		Case{Name: "outside", In: []*tensor.Tensor{Floats(3, 4), outside}, Build: gatherBuild(0), Want: []*tensor.Tensor{Floats(4, nan, nan, nan)}, NoGrad: true,
			Gout: []*tensor.Tensor{Floats(1, 2, 3, 4)}, WantGrad: []*tensor.Tensor{Floats(0, 1)}},
		// A wrong check would read from the neighbouring row.
		Case{Name: "outside_of_rows", In: []*tensor.Tensor{tensor.Must(Floats(1, 2, 3, 4).Reshape(2, 2)), tensor.Must(tensor.Must(tensor.Of([]int64{2, 0, -1, 1})).Reshape(2, 2))}, Build: gatherBuild(1),
			Want: []*tensor.Tensor{tensor.Must(Floats(nan, 1, nan, 4).Reshape(2, 2))}, NoGrad: true},
		Case{Name: "outside_of_bools", In: []*tensor.Tensor{tensor.Must(tensor.Of([]bool{true, true})), outside}, Build: gatherBuild(0), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]bool{true, false, false, false}))}, NoGrad: true},
		Case{Name: "add_outside", In: []*tensor.Tensor{Floats(3, 4), outside, Floats(1, 2, 3, 4)}, Build: addBuild(0), Want: []*tensor.Tensor{Floats(3, 5)}, NoGrad: true},
	)
	x := typ(dtype.Float32, 4, 3)
	return Table{Cases: cases, Mistakes: []Mistake{
		{"axis", []ir.Type{x, typ(dtype.Int64, 2, 2)}, func(in []*ir.Value) { ops.Gather(in[0], in[1], 2) }, "gather: axis 2 is outside a tensor of rank 2"},
		{"rank", []ir.Type{x, typ(dtype.Int64, 2)}, func(in []*ir.Value) { ops.Gather(in[0], in[1], 0) }, "gather: wants an index of the operand's rank"},
		{"longer", []ir.Type{x, typ(dtype.Int64, 2, 4)}, func(in []*ir.Value) { ops.Gather(in[0], in[1], 0) }, "gather: the index is longer than the operand on axis 1: 4 against 3"},
		{"index", []ir.Type{x, x}, func(in []*ir.Value) { ops.Gather(in[0], in[1], 0) }, "gather: wants an index of an integer type, got f32"},
		{"source", []ir.Type{x, typ(dtype.Int64, 2, 2), x}, func(in []*ir.Value) { ops.ScatterAdd(in[0], in[1], in[2], 0) }, "scatter_add: wants a source f32[2 2]"},
	}}
}
