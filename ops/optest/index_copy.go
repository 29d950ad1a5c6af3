package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func indexCopy() Table {
	put := func(axis int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.IndexCopy(in[0], in[1], in[2], axis) })
	}
	cases := of("scatter", "index_copy", func(a Attrs, in []*ir.Value) []*ir.Value { return put(a.Int("axis"))(in) })
	gen := NewGen("index_copy")
	for name, c := range map[string]struct {
		dims, idx []int
		axis      int
		out       []int
	}{
		"rows": {[]int{5, 3}, []int{7}, 0, []int{7, 3}}, "columns": {[]int{3, 5}, []int{4}, 1, []int{3, 4}}, "middle": {[]int{2, 4, 3}, []int{5}, 1, []int{2, 5, 3}},
		"scalar_index": {[]int{4, 3}, []int{}, 0, []int{3}}, "matrix_index": {[]int{4, 3}, []int{2, 3}, 0, []int{2, 3, 3}}, "inside": {[]int{2, 4, 2}, []int{2, 2}, 1, []int{2, 2, 2, 2}},
		"no_index": {[]int{4, 3}, []int{0}, 0, []int{0, 3}}, "wide": {[]int{4, 300}, []int{3}, 0, []int{3, 300}}, "no_width": {[]int{3, 0}, []int{2}, 0, []int{2, 0}},
	} {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Normal(c.dims...), gen.Ints(dtype.Int64, 0, c.dims[c.axis], c.idx...), gen.Normal(c.out...)}, Build: put(c.axis), Smooth: true})
	}
	for _, dt := range dtype.All() {
		cases = append(cases, Case{Name: "of_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 100, 5, 3), gen.Ints(dtype.Int32, 0, 5, 4), gen.Ints(dt, 0, 100, 4, 3)}, Build: put(0), NoGrad: true})
	}
	matrix := func(v ...float64) *tensor.Tensor { return tensor.Must(Floats(v...).Reshape(len(v)/2, 2)) }
	cases = append(cases,
		Case{Name: "the last wins", In: []*tensor.Tensor{matrix(1, 2, 3, 4), tensor.Must(tensor.Of([]int64{1, 1})), matrix(5, 6, 7, 8)}, Build: put(0), Want: []*tensor.Tensor{matrix(1, 2, 7, 8)}, NoGrad: true,
			Gout: []*tensor.Tensor{matrix(10, 20, 30, 40)}, WantGrad: []*tensor.Tensor{matrix(10, 20, 0, 0), nil, matrix(0, 0, 30, 40)}},
		Case{Name: "outside", In: []*tensor.Tensor{matrix(1, 2, 3, 4), tensor.Must(tensor.Of([]int64{-1, 2, 0, math.MaxInt64})), matrix(5, 6, 7, 8, 9, 10, 11, 12)}, Build: put(0), Want: []*tensor.Tensor{matrix(9, 10, 3, 4)}, NoGrad: true,
			Gout: []*tensor.Tensor{matrix(10, 20, 30, 40)}, WantGrad: []*tensor.Tensor{matrix(0, 0, 30, 40), nil, matrix(0, 0, 0, 0, 10, 20, 0, 0)}},
	)
	x := typ(dtype.Float32, 4, 3)
	return Table{cases, []Mistake{
		{"source", []ir.Type{x, typ(dtype.Int64, 2), x}, func(in []*ir.Value) { put(0)(in) }, "index_copy: wants a source f32[2 3]: in0 f32[4 3]"},
		{"axis", []ir.Type{x, typ(dtype.Int64, 2), x}, func(in []*ir.Value) { put(2)(in) }, "index_copy: axis 2 is outside a tensor of rank 2"},
		{"index", []ir.Type{x, x, x}, func(in []*ir.Value) { put(0)(in) }, "index_copy: wants an index of an integer type, got f32"},
		{"operands", []ir.Type{x}, func(in []*ir.Value) { ir.Apply(ops.IndexCopyOp{}, in...) }, "index_copy: wants 3 operands, got 1"},
	}}
}
