package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func transpose() Table {
	var cases []Case
	for name, c := range map[string]struct{ dims, perm []int }{
		"matrix": {[]int{3, 5}, []int{1, 0}}, "identity": {[]int{3, 5}, []int{0, 1}}, "to_last": {[]int{2, 3, 4, 5}, []int{0, 2, 3, 1}},
		"to_first": {[]int{2, 4, 5, 3}, []int{0, 3, 1, 2}}, "reverse": {[]int{2, 3, 4}, []int{2, 1, 0}}, "size1": {[]int{1, 3, 1}, []int{2, 1, 0}},
		"empty": {[]int{0, 3}, []int{1, 0}}, "rank1": {[]int{3}, []int{0}}, "scalar": {[]int{}, []int{}},
		"inner": {[]int{2, 3, 4}, []int{0, 2, 1}}, "large": {[]int{37, 65}, []int{1, 0}}, "blocks": {[]int{2, 3, 2, 3}, []int{2, 3, 0, 1}},
		"rank8": {[]int{1, 2, 1, 2, 1, 2, 1, 2}, []int{7, 0, 6, 1, 5, 2, 4, 3}},
	} {
		cases = append(cases, copies(name, c.dims, func(x *ir.Value) *ir.Value { return ops.Transpose(x, c.perm...) })...)
	}
	cases = append(cases, copies("swap", []int{2, 3, 4}, func(x *ir.Value) *ir.Value { return ops.SwapAxes(x, 0, -1) })...)
	cases = append(cases, Case{Name: "values", In: []*tensor.Tensor{tensor.Must(Floats(1, 2, 3, 4, 5, 6).Reshape(2, 3))}, NoGrad: true,
		Build: one(func(in []*ir.Value) *ir.Value { return ops.Transpose(in[0], 1, 0) }),
		Want:  []*tensor.Tensor{tensor.Must(Floats(1, 4, 2, 5, 3, 6).Reshape(3, 2))}})
	wrong := func(name string, perm ...int) Mistake {
		return Mistake{name, []ir.Type{typ(dtype.Float32, 2, 3)}, func(in []*ir.Value) { ops.Transpose(in[0], perm...) }, "is not an order of 2 axes: in0 f32[2 3]"}
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("short", 0), wrong("long", 0, 1, 2), wrong("twice", 1, 1), wrong("outside", 0, 2), wrong("wraps", 256, 1),
		{"swap", []ir.Type{typ(dtype.Float32, 2, 3)}, func(in []*ir.Value) { ops.SwapAxes(in[0], 0, 2) }, "axes 0 and 2 are not both inside a tensor of rank 2"},
	}}
}
