package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// moves takes the references of one op out of the file moves.
func moves(op string, build func(a Attrs, in []*ir.Value) []*ir.Value) []Case {
	return of("moves", op, build)
}

// of takes the references of one op out of a file.
func of(file, op string, build func(a Attrs, in []*ir.Value) []*ir.Value) []Case {
	return Golden(file, func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if a.Op() != op {
			return nil
		}
		return func(in []*ir.Value) []*ir.Value { return build(a, in) }
	})
}

// only makes a list of one result.
func only(v *ir.Value) []*ir.Value { return []*ir.Value{v} }

func flip() Table {
	cases := moves("flip", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.Flip(in[0], a.Ints("axes")...)) })
	for name, c := range map[string]struct{ dims, axes []int }{
		"vector": {[]int{7}, []int{0}}, "rows": {[]int{3, 5}, []int{0}}, "columns": {[]int{3, 5}, []int{-1}}, "both": {[]int{3, 5}, []int{0, 1}},
		"outer": {[]int{2, 3, 4}, []int{0, 2}}, "rank4": {[]int{2, 3, 2, 5}, []int{3, 1}}, "empty": {[]int{2, 0}, []int{1}}, "size1": {[]int{1, 1}, []int{0, 1}},
		"scalar": {[]int{}, nil}, "long": {[]int{2, 1500}, []int{1}},
	} {
		cases = append(cases, copies(name, c.dims, func(x *ir.Value) *ir.Value { return ops.Flip(x, c.axes...) })...)
	}
	x := []ir.Type{typ(dtype.Float32, 4, 3)}
	return Table{cases, []Mistake{
		{"axis", x, func(in []*ir.Value) { ops.Flip(in[0], 2) }, "flip: axis 2 is outside a tensor of rank 2: in0 f32[4 3]"},
		{"twice", x, func(in []*ir.Value) { ops.Flip(in[0], 1, -1) }, "flip: axis -1 is named twice"},
		{"attribute", x, func(in []*ir.Value) { ir.Apply(ops.FlipOp{Axes: 4}, in...) }, "flip: axes [2] are not all inside a tensor of rank 2"},
	}}
}
