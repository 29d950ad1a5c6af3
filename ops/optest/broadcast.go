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
