package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func selects() Table {
	build := one(func(in []*ir.Value) *ir.Value { return ops.Select(in[0], in[1], in[2]) })
	cases := Golden("indexing", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if a.Op() == "where" {
			return build
		}
		return nil
	})
	gen := NewGen("select")
	for name, dims := range map[string][3][]int{
		"same": {{3, 4}, {3, 4}, {3, 4}}, "scalars": {{3, 4}, {}, {}}, "mask_row": {{4}, {3, 4}, {3, 4}},
		"all_different": {{3, 1}, {1, 4}, {2, 1, 1}}, "empty": {{0, 3}, {3}, {0, 3}},
	} {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Bools(dims[0]...), gen.Normal(dims[1]...), gen.Normal(dims[2]...)}, Build: build, Smooth: true})
	}
	for _, dt := range dtype.All() {
		cases = append(cases, Case{Name: dt.String(), In: []*tensor.Tensor{gen.Bools(37), gen.Ints(dt, 0, 2, 37), gen.Ints(dt, 0, 2, 37)}, Build: build, NoGrad: true})
	}
	nan := math.NaN()
	cond := tensor.Must(tensor.Of([]bool{true, false}))
	cases = append(cases, Case{
		Name: "nan_not_picked", In: []*tensor.Tensor{cond, Floats(1, nan), Floats(nan, 2)}, Build: build,
		Want: []*tensor.Tensor{Floats(1, 2)}, Gout: []*tensor.Tensor{Floats(5, 7)},
		WantGrad: []*tensor.Tensor{nil, Floats(5, 0), Floats(0, 7)}, NoGrad: true,
	})
	return Table{Cases: byElement(cases), Mistakes: []Mistake{
		{"condition", []ir.Type{typ(dtype.Int32, 2), typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.Select(in[0], in[1], in[1]) }, "select: the condition must be bool"},
		{"types", []ir.Type{typ(dtype.Bool, 2), typ(dtype.Float32, 2), typ(dtype.Float64, 2)}, func(in []*ir.Value) { ops.Select(in[0], in[1], in[2]) }, "select: element types differ"},
		{"shapes", []ir.Type{typ(dtype.Bool, 3), typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.Select(in[0], in[1], in[1]) }, "do not broadcast"},
	}}
}
