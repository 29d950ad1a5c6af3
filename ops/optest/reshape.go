package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

func reshape() Table {
	var cases []Case
	for name, c := range map[string]struct{ from, to []int }{
		"flat": {[]int{2, 3, 4}, []int{24}}, "free": {[]int{2, 3, 4}, []int{-1, 6}}, "same": {[]int{2, 3}, []int{2, 3}},
		"to_scalar": {[]int{1, 1}, []int{}}, "from_scalar": {[]int{}, []int{1, 1, 1}}, "empty": {[]int{0, 3}, []int{3, 0}},
		"free_empty": {[]int{0, 3}, []int{-1, 3}}, "rank8": {[]int{4}, []int{1, 2, 1, 1, 2, 1, 1, 1}},
	} {
		cases = append(cases, copies(name, c.from, func(x *ir.Value) *ir.Value { return ops.Reshape(x, c.to...) })...)
	}
	cases = append(cases, copies("flatten", []int{2, 3, 4}, func(x *ir.Value) *ir.Value { return ops.Flatten(x, 1) })...)
	cases = append(cases, copies("flatten_from_end", []int{2, 3, 4}, func(x *ir.Value) *ir.Value { return ops.Flatten(x, -2) })...)
	cases = append(cases, copies("unsqueeze", []int{2, 3}, func(x *ir.Value) *ir.Value { return ops.Unsqueeze(ops.Unsqueeze(x, 1), -1) })...)
	wrong := func(name, want string, f func(x *ir.Value) *ir.Value) Mistake {
		return Mistake{name, []ir.Type{typ(dtype.Float32, 2, 3)}, func(in []*ir.Value) { f(in[0]) }, want}
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("size", "reshape: 6 elements can't have shape [5]", func(x *ir.Value) *ir.Value { return ops.Reshape(x, 5) }),
		wrong("free", "reshape: 6 elements do not divide into [4 -1]", func(x *ir.Value) *ir.Value { return ops.Reshape(x, 4, -1) }),
		wrong("free_zero", "do not divide", func(x *ir.Value) *ir.Value { return ops.Reshape(x, 0, -1) }),
		wrong("two_free", "do not divide", func(x *ir.Value) *ir.Value { return ops.Reshape(x, -1, -1) }),
		wrong("negative", "is negative", func(x *ir.Value) *ir.Value { return ops.Reshape(x, -3, -2) }),
		wrong("rank", "at most 8", func(x *ir.Value) *ir.Value { return ops.Reshape(x, 6, 1, 1, 1, 1, 1, 1, 1, 1) }),
		wrong("flatten", "flatten: axis 2 is outside", func(x *ir.Value) *ir.Value { return ops.Flatten(x, 2) }),
		wrong("unsqueeze", "unsqueeze: axis 4 is outside", func(x *ir.Value) *ir.Value { return ops.Unsqueeze(x, 4) }),
	}}
}
