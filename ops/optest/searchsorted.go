package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func searchSorted() Table {
	cases := of("sorting", "searchsorted", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.SearchSorted(in[0], in[1], a.Bool("right")))
	})
	gen := NewGen("searchsorted")
	for _, dt := range dtype.All() {
		if dt.IsInt() {
			cases = append(cases, Case{Name: "of " + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 50, 3, 20), gen.Ints(dt, 0, 60, 3, 7)}, NoGrad: true,
				Build: func(in []*ir.Value) []*ir.Value {
					rows, _ := ops.Sort(in[0], 1, false)
					return pair(ops.SearchSorted(rows, in[1], false), ops.SearchSorted(rows, in[1], true))
				}})
		}
	}
	many := gen.Normal(3000)
	cases = append(cases,
		Case{Name: "buckets", In: []*tensor.Tensor{Floats(0, 1, 1.5, 9), Floats(0, 1, 2)}, NoGrad: true, Build: both(func(x, b *ir.Value) *ir.Value { return ops.Bucketize(x, b, false) }),
			Want: []*tensor.Tensor{tensor.Must(tensor.Of([]int64{0, 1, 2, 3}))}},
		Case{Name: "buckets right", In: []*tensor.Tensor{Floats(0, 1, 1.5, 9), Floats(0, 1, 2)}, NoGrad: true, Build: both(func(x, b *ir.Value) *ir.Value { return ops.Bucketize(x, b, true) }),
			Want: []*tensor.Tensor{tensor.Must(tensor.Of([]int64{1, 2, 2, 3}))}},
		Case{Name: "no gradient", In: []*tensor.Tensor{Floats(1, 2), Floats(1.5, 3)}, NoGrad: true, Build: both(func(x, y *ir.Value) *ir.Value { return ops.Cast(ops.SearchSorted(x, y, false), dtype.Float64) }),
			Gout: []*tensor.Tensor{Floats(1, 1)}, WantGrad: []*tensor.Tensor{Floats(0, 0), Floats(0, 0)}},
		Case{Name: "many", In: []*tensor.Tensor{Floats(-1, -0.5, 0, 0.5, 1), many}, NoGrad: true, Build: both(func(x, y *ir.Value) *ir.Value { return ops.SearchSorted(x, y, false) })},
	)
	x, v := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 3)
	return Table{cases, []Mistake{
		{"types", []ir.Type{x, typ(dtype.Float64, 4, 3)}, func(in []*ir.Value) { ops.SearchSorted(in[0], in[1], false) }, "searchsorted: element types differ"},
		{"shapes", []ir.Type{x, v}, func(in []*ir.Value) { ops.SearchSorted(in[0], in[1], false) }, "searchsorted: wants one row, or rows and values with the same first axes: in0 f32[4 3], in1 f32[3]"},
		{"scalar", []ir.Type{typ(dtype.Float32), v}, func(in []*ir.Value) { ops.SearchSorted(in[0], in[1], false) }, "searchsorted: wants one row"},
		{"bool", []ir.Type{typ(dtype.Bool, 3), typ(dtype.Bool, 3)}, func(in []*ir.Value) { ops.SearchSorted(in[0], in[1], false) }, "searchsorted: is not defined for bool"},
	}}
}
