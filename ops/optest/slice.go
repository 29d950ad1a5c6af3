package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
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
