package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

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
