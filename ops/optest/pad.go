package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

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
