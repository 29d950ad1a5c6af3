package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// copies runs a builder that only moves elements on every element type.
func copies(name string, dims []int, f func(x *ir.Value) *ir.Value) (cases []Case) {
	gen := NewGen(name)
	for _, dt := range dtype.All() {
		cases = append(cases, Case{Name: name + "_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 100, dims...)},
			Build: one(func(in []*ir.Value) *ir.Value { return f(in[0]) }), NoGrad: true})
	}
	return append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Normal(dims...)},
		Build: one(func(in []*ir.Value) *ir.Value { return f(in[0]) }), Smooth: true})
}

func broadcast() Table {
	var cases []Case
	for name, c := range map[string]struct {
		from, to []int
		axes     []int
	}{
		"scalar": {[]int{}, []int{2, 3}, []int{}}, "row": {[]int{3}, []int{2, 3}, []int{1}}, "column": {[]int{2}, []int{2, 3}, []int{0}},
		"channel": {[]int{3}, []int{2, 3, 4, 2}, []int{1}}, "channel_last": {[]int{3}, []int{2, 4, 2, 3}, []int{3}},
		"stretch": {[]int{2, 1, 3}, []int{2, 4, 3}, []int{0, 1, 2}}, "stretch_and_new": {[]int{1, 3}, []int{2, 5, 3}, []int{0, 2}},
		"apart": {[]int{2, 4}, []int{2, 3, 4}, []int{0, 2}}, "to_empty": {[]int{1, 3}, []int{0, 3}, []int{0, 1}},
		"ones": {[]int{1, 1}, []int{1, 1, 1}, []int{0, 2}}, "rank8": {[]int{2, 1}, []int{1, 2, 1, 2, 1, 2, 1, 1}, []int{1, 5}},
	} {
		cases = append(cases, copies(name, c.from, func(x *ir.Value) *ir.Value { return ops.BroadcastInDim(x, shapeOf(c.to), c.axes...) })...)
	}
	cases = append(cases, Case{Name: "values", In: []*tensor.Tensor{Floats(1, 2)}, NoGrad: true,
		Build: one(func(in []*ir.Value) *ir.Value { return ops.BroadcastInDim(in[0], shapeOf([]int{2, 3}), 0) }),
		Want:  []*tensor.Tensor{tensor.Must(Floats(1, 1, 1, 2, 2, 2).Reshape(2, 3))}})
	wrong := func(name, want string, to []int, axes ...int) Mistake {
		return Mistake{name, []ir.Type{typ(dtype.Float32, 2, 3)}, func(in []*ir.Value) { ops.BroadcastInDim(in[0], shapeOf(to), axes...) }, want}
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("shrink", "axis 1 has 3 elements and can't become 1", []int{2, 1}, 0, 1),
		wrong("order", "do not place", []int{3, 2}, 1, 0),
		wrong("too_few", "do not place", []int{2, 3}, 0),
		wrong("outside", "do not place", []int{2, 3}, 0, 256),
		{"rank", []ir.Type{typ(dtype.Float32, 2, 3)}, func(in []*ir.Value) { ops.Broadcast(in[0], shapeOf([]int{3})) }, "broadcast: axes [-1 0] do not place [2 3] in [3]"},
	}}
}

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
