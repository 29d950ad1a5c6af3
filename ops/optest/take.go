package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func take() Table {
	cases := indexing("index_select", func(a Attrs, in []*ir.Value) *ir.Value { return ops.Take(in[0], in[1], a.Int("axis")) })
	cases = append(cases, Golden("embedding", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if a.Has("padding_idx") {
			return nil // a matter of the layer
		}
		return one(func(in []*ir.Value) *ir.Value { return ops.Take(in[0], in[1], 0) })
	})...)
	takeBuild := func(axis int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.Take(in[0], in[1], axis) })
	}
	addBuild := func(axis int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.IndexAdd(in[0], in[1], in[2], axis) })
	}
	gen := NewGen("take")
	for name, c := range map[string]struct {
		dims, idx []int
		axis      int
		out       []int
	}{
		"rows": {[]int{5, 3}, []int{7}, 0, []int{7, 3}}, "columns": {[]int{3, 5}, []int{4}, 1, []int{3, 4}}, "middle": {[]int{2, 4, 3}, []int{5}, 1, []int{2, 5, 3}},
		"scalar_index": {[]int{4, 3}, []int{}, 0, []int{3}}, "matrix_index": {[]int{4, 3}, []int{2, 3}, 0, []int{2, 3, 3}}, "inside": {[]int{2, 4, 2}, []int{2, 2}, 1, []int{2, 2, 2, 2}},
		"negative_axis": {[]int{2, 4}, []int{3}, -1, []int{2, 3}}, "no_index": {[]int{4, 3}, []int{0}, 0, []int{0, 3}}, "one_row": {[]int{1, 3}, []int{4}, 0, []int{4, 3}},
		"vector": {[]int{6}, []int{9}, 0, []int{9}}, "no_width": {[]int{3, 0}, []int{2}, 0, []int{2, 0}},
	} {
		n := c.dims[max(c.axis, 0)]
		if c.axis < 0 {
			n = c.dims[len(c.dims)+c.axis]
		}
		for _, dt := range []dtype.DType{dtype.Int64, dtype.Int32, dtype.Uint8, dtype.Uint32, dtype.Uint64} {
			idx := gen.Ints(dt, 0, n, c.idx...)
			cases = append(cases,
				Case{Name: name + "_by_" + dt.String(), In: []*tensor.Tensor{gen.Normal(c.dims...), idx}, Build: takeBuild(c.axis), Smooth: dt == dtype.Int64},
				Case{Name: "add_" + name + "_by_" + dt.String(), In: []*tensor.Tensor{gen.Normal(c.dims...), idx, gen.Normal(c.out...)}, Build: addBuild(c.axis), Smooth: dt == dtype.Int64},
			)
		}
	}
	for _, dt := range dtype.All() {
		idx := gen.Ints(dtype.Int64, 0, 5, 6)
		cases = append(cases, Case{Name: "of_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 100, 5, 3), idx}, Build: takeBuild(0), NoGrad: true})
		if dt != dtype.Bool {
			cases = append(cases, Case{Name: "add_of_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 100, 5, 3), idx, gen.Ints(dt, 0, 100, 6, 3)}, Build: addBuild(0), NoGrad: true})
		}
	}
	nan, outside := math.NaN(), tensor.Must(tensor.Of([]int64{1, -1, 2, math.MaxInt64}))
	cases = append(cases,
		Case{Name: "outside", In: []*tensor.Tensor{Floats(3, 4), outside}, Build: takeBuild(0), Want: []*tensor.Tensor{Floats(4, nan, nan, nan)}, NoGrad: true,
			Gout: []*tensor.Tensor{Floats(1, 2, 3, 4)}, WantGrad: []*tensor.Tensor{Floats(0, 1)}},
		// A wrong check would read from the neighbouring row.
		Case{Name: "outside_of_rows", In: []*tensor.Tensor{tensor.Must(Floats(1, 2, 3, 4).Reshape(2, 2)), tensor.Must(tensor.Of([]int64{-1, 2, 0}))}, Build: takeBuild(1),
			Want: []*tensor.Tensor{tensor.Must(Floats(nan, nan, 1, nan, nan, 3).Reshape(2, 3))}, NoGrad: true},
		Case{Name: "add_outside_of_rows", In: []*tensor.Tensor{tensor.Must(Floats(1, 2, 3, 4).Reshape(2, 2)), tensor.Must(tensor.Of([]int64{-1, 2, 0})), tensor.Must(Floats(10, 20, 30, 40, 50, 60).Reshape(2, 3))}, Build: addBuild(1),
			Want: []*tensor.Tensor{tensor.Must(Floats(31, 2, 63, 4).Reshape(2, 2))}, NoGrad: true},
		Case{Name: "outside_of_ints", In: []*tensor.Tensor{tensor.Must(tensor.Of([]int32{3, 4})), outside}, Build: takeBuild(0), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]int32{4, 0, 0, 0}))}, NoGrad: true},
		Case{Name: "add_outside", In: []*tensor.Tensor{Floats(3, 4), outside, Floats(1, 2, 3, 4)}, Build: addBuild(0), Want: []*tensor.Tensor{Floats(3, 5)}, NoGrad: true},
		Case{Name: "add_repeated", In: []*tensor.Tensor{Floats(1, 2), tensor.Must(tensor.Of([]int32{1, 1, 0, 1})), Floats(1, 10, 100, 1000)}, Build: addBuild(0), Want: []*tensor.Tensor{Floats(101, 1013)}, NoGrad: true},
	)
	x, f := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 2)
	return Table{Cases: cases, Mistakes: []Mistake{
		{"axis", []ir.Type{x, typ(dtype.Int64, 2)}, func(in []*ir.Value) { ops.Take(in[0], in[1], 2) }, "take: axis 2 is outside a tensor of rank 2"},
		{"index", []ir.Type{x, f}, func(in []*ir.Value) { ops.Take(in[0], in[1], 0) }, "take: wants an index of an integer type, got f32"},
		{"rank", []ir.Type{typ(dtype.Float32, 1, 1, 1, 1, 1), typ(dtype.Int32, 1, 1, 1, 1, 1)}, func(in []*ir.Value) { ops.Take(in[0], in[1], 0) }, "at most 8"},
		{"source", []ir.Type{x, typ(dtype.Int64, 2), f}, func(in []*ir.Value) { ops.IndexAdd(in[0], in[1], in[2], 0) }, "index_add: wants a source f32[2 3]"},
		{"bool", []ir.Type{typ(dtype.Bool, 4), typ(dtype.Int64, 2), typ(dtype.Bool, 2)}, func(in []*ir.Value) { ops.IndexAdd(in[0], in[1], in[2], 0) }, "index_add: is not defined for bool"},
	}}
}
