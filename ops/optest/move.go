package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// indexing gives the golden cases of one op.
func indexing(op string, build func(a Attrs, in []*ir.Value) *ir.Value) []Case {
	return Golden("indexing", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if a.Op() != op {
			return nil
		}
		return one(func(in []*ir.Value) *ir.Value { return build(a, in) })
	})
}

func slice() Table {
	cases := indexing("slice", func(a Attrs, in []*ir.Value) *ir.Value {
		return ops.Slice(in[0], a.Ints("start"), a.Ints("stop"), a.Ints("step"))
	})
	for name, c := range map[string]struct{ dims, start, limit, step []int }{
		"inner": {[]int{5, 6}, []int{1, 2}, []int{4, 5}, nil}, "steps": {[]int{7, 9}, []int{0, 1}, []int{7, 9}, []int{3, 2}},
		"step_over": {[]int{4}, []int{1}, []int{4}, []int{9}}, "nothing": {[]int{4, 2}, []int{2, 0}, []int{2, 2}, nil}, "whole": {[]int{2, 3}, []int{0, 0}, []int{2, 3}, nil},
		"scalar": {[]int{}, []int{}, []int{}, nil}, "of_nothing": {[]int{0, 2}, []int{0, 0}, []int{0, 1}, nil}, "last": {[]int{5}, []int{4}, []int{5}, []int{2}},
		"rank4": {[]int{2, 3, 4, 5}, []int{0, 1, 0, 2}, []int{2, 3, 4, 5}, []int{1, 2, 3, 1}},
	} {
		cases = append(cases, copies(name, c.dims, func(x *ir.Value) *ir.Value { return ops.Slice(x, c.start, c.limit, c.step) })...)
	}
	cases = append(cases, copies("narrow", []int{2, 5, 3}, func(x *ir.Value) *ir.Value { return ops.Narrow(x, -2, 1, 3) })...)
	wrong := func(name, want string, start, limit, step []int) Mistake {
		return Mistake{name, []ir.Type{typ(dtype.Float32, 4, 5)}, func(in []*ir.Value) { ops.Slice(in[0], start, limit, step) }, want}
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("rank", "slice: wants start, limit and step for 2 axes", []int{0}, []int{1}, nil),
		wrong("beyond", "slice: axis 1 of 5 elements has no slice 0:6:1", []int{0, 0}, []int{4, 6}, nil),
		wrong("negative", "axis 0 of 4 elements has no slice -1:4:1", []int{-1, 0}, []int{4, 5}, nil),
		wrong("backwards", "axis 0 of 4 elements has no slice 3:2:1", []int{3, 0}, []int{2, 5}, nil),
		wrong("step", "has no slice 0:4:0", []int{0, 0}, []int{4, 5}, []int{0, 1}),
		{"narrow", []ir.Type{typ(dtype.Float32, 4)}, func(in []*ir.Value) { ops.Narrow(in[0], 1, 0, 1) }, "slice: axis 1 is outside"},
	}}
}

func pad() Table {
	cases := indexing("pad", func(a Attrs, in []*ir.Value) *ir.Value {
		return ops.Pad(in[0], ops.Scalar(in[0], a.Float("value")), a.Ints("low"), a.Ints("high"), nil)
	})
	gen := NewGen("pad")
	for name, c := range map[string]struct{ dims, lo, hi, interior []int }{
		"around": {[]int{2, 3}, []int{1, 0}, []int{2, 1}, nil}, "interior": {[]int{3, 2}, []int{0, 1}, []int{1, 0}, []int{2, 1}},
		"crop": {[]int{5, 4}, []int{-1, -2}, []int{-2, 0}, nil}, "crop_and_pad": {[]int{4, 3}, []int{-1, 2}, []int{2, -1}, nil},
		"crop_in_interior": {[]int{4}, []int{-2}, []int{-1}, []int{2}}, "crop_all": {[]int{3}, []int{-3}, []int{0}, nil}, "crop_far": {[]int{3}, []int{-5}, []int{4}, nil},
		"nothing": {[]int{2, 3}, []int{0, 0}, []int{0, 0}, nil}, "of_nothing": {[]int{0, 2}, []int{2, 0}, []int{1, 0}, []int{3, 0}}, "one_element": {[]int{1}, []int{2}, []int{0}, []int{5}},
		"scalar": {[]int{}, []int{}, []int{}, nil}, "image": {[]int{2, 2, 3, 4}, []int{0, 0, 1, 2}, []int{0, 0, 2, 1}, nil},
	} {
		build := one(func(in []*ir.Value) *ir.Value { return ops.Pad(in[0], in[1], c.lo, c.hi, c.interior) })
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Normal(c.dims...), gen.Normal()}, Build: build, Smooth: true})
		for _, dt := range dtype.All() {
			cases = append(cases, Case{Name: name + "_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 100, c.dims...), gen.Ints(dt, 0, 100)}, Build: build, NoGrad: true})
		}
	}
	cases = append(cases, Case{Name: "values", In: []*tensor.Tensor{Floats(1, 2), tensor.Scalar(9.)}, NoGrad: true,
		Build: one(func(in []*ir.Value) *ir.Value { return ops.Pad(in[0], in[1], []int{1}, []int{2}, []int{1}) }),
		Want:  []*tensor.Tensor{Floats(9, 1, 9, 2, 9, 9)}})
	wrong := func(name, want string, value ir.Type, lo, hi, interior []int) Mistake {
		return Mistake{name, []ir.Type{typ(dtype.Float32, 4), value}, func(in []*ir.Value) { ops.Pad(in[0], in[1], lo, hi, interior) }, want}
	}
	f32 := typ(dtype.Float32)
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("rank", "pad: wants lo, hi and interior for 1 axes", f32, []int{0, 0}, []int{1}, nil),
		wrong("value_type", "pad: wants a value of rank 0", typ(dtype.Float64), []int{0}, []int{1}, nil),
		wrong("value_shape", "pad: wants a value of rank 0", typ(dtype.Float32, 1), []int{0}, []int{1}, nil),
		wrong("interior", "pad: axis 0: -1 values between neighbours are negative", f32, []int{0}, []int{1}, []int{-1}),
		wrong("crop", "pad: axis 0 of 4 elements can't lose 2 and 3", f32, []int{-2}, []int{-3}, nil),
	}}
}

func concat() Table {
	cases := indexing("concat", func(a Attrs, in []*ir.Value) *ir.Value { return ops.Concat(a.Int("axis"), in...) })
	for name, c := range map[string]struct {
		axis  int
		parts [][]int
	}{
		"one": {0, [][]int{{3}}}, "vectors": {0, [][]int{{3}, {1}, {4}}}, "columns": {1, [][]int{{2, 3}, {2, 1}}}, "negative": {-1, [][]int{{2, 3}, {2, 2}}},
		"with_empty": {0, [][]int{{2, 3}, {0, 3}, {1, 3}}}, "channels": {1, [][]int{{2, 3, 2, 2}, {2, 1, 2, 2}}}, "all_empty": {1, [][]int{{0, 2}, {0, 3}}},
		"many": {0, [][]int{{1}, {2}, {1}, {3}, {1}, {1}, {2}, {1}}},
	} {
		gen := NewGen("concat" + name)
		build := one(func(in []*ir.Value) *ir.Value { return ops.Concat(c.axis, in...) })
		types := append([]dtype.DType{dtype.Invalid}, dtype.All()...)
		for _, dt := range types {
			var in []*tensor.Tensor
			for _, dims := range c.parts {
				if dt == dtype.Invalid {
					in = append(in, gen.Normal(dims...))
				} else {
					in = append(in, gen.Ints(dt, 0, 100, dims...))
				}
			}
			if dt == dtype.Invalid {
				cases = append(cases, Case{Name: name, In: in, Build: build, Smooth: true})
			} else {
				cases = append(cases, Case{Name: name + "_" + dt.String(), In: in, Build: build, NoGrad: true})
			}
		}
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		{"shapes", []ir.Type{typ(dtype.Float32, 2, 3), typ(dtype.Float32, 3, 3)}, func(in []*ir.Value) { ops.Concat(1, in...) }, "concat: shapes differ on another axis than 1"},
		{"ranks", []ir.Type{typ(dtype.Float32, 2), typ(dtype.Float32, 2, 1)}, func(in []*ir.Value) { ops.Concat(0, in...) }, "concat: shapes differ"},
		{"types", []ir.Type{typ(dtype.Float32, 2), typ(dtype.Int32, 2)}, func(in []*ir.Value) { ops.Concat(0, in...) }, "concat: element types differ"},
		{"axis", []ir.Type{typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.Concat(1, in...) }, "concat: axis 1 is outside a tensor of rank 1"},
	}}
}

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
