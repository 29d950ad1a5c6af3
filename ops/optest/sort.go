package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// pair makes a list of two results.
func pair(a, b *ir.Value) []*ir.Value { return []*ir.Value{a, b} }

func sorts() Table {
	cases := of("sorting", "sort", func(a Attrs, in []*ir.Value) []*ir.Value {
		return pair(ops.Sort(in[0], a.Int("axis"), a.Bool("descending")))
	})
	gen := NewGen("sort")
	for _, descending := range []bool{false, true} {
		name := map[bool]string{false: "up", true: "down"}[descending]
		sort := func(axis int) func(in []*ir.Value) []*ir.Value {
			return func(in []*ir.Value) []*ir.Value { return pair(ops.Sort(in[0], axis, descending)) }
		}
		cases = append(cases,
			Case{Name: name, In: []*tensor.Tensor{gen.Apart(2, 5, 3)}, Build: sort(1), Smooth: true},
			Case{Name: name + " last", In: []*tensor.Tensor{gen.Apart(3, 9)}, Build: sort(-1), Smooth: true},
			Case{Name: name + " of special numbers", In: []*tensor.Tensor{special()}, Build: sort(0), NoGrad: true},
			Case{Name: name + " of many ties", In: []*tensor.Tensor{gen.Levels(20, 3, 1000)}, Build: sort(1), NoGrad: true},
			Case{Name: name + " of columns", In: []*tensor.Tensor{gen.Levels(20, 60, 70)}, Build: sort(0), NoGrad: true},
			Case{Name: name + " argsort", In: []*tensor.Tensor{gen.Normal(3, 9)}, NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.ArgSort(in[0], 1, descending) })},
		)
		for _, dt := range dtype.All() {
			cases = append(cases,
				Case{Name: name + " of " + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 90, 2, 60, 3)}, Build: sort(1), NoGrad: true})
		}
		cases = append(cases,
			Case{Name: name + " of negative i32", In: []*tensor.Tensor{gen.Ints(dtype.Int32, -300, 300, 70)}, Build: sort(0), NoGrad: true},
			Case{Name: name + " of negative i64", In: []*tensor.Tensor{gen.Ints(dtype.Int64, -1<<40, 1<<40, 9)}, Build: sort(0), NoGrad: true},
			Case{Name: name + " of large u64", In: []*tensor.Tensor{tensor.Must(tensor.Of([]uint64{1 << 63, 5, 1<<64 - 1, 0, 1<<63 - 1}))}, Build: sort(0), NoGrad: true})
	}
	x := typ(dtype.Float32, 4, 3)
	return Table{cases, []Mistake{
		{"axis", []ir.Type{x}, func(in []*ir.Value) { ops.Sort(in[0], 2, false) }, "sort: axis 2 is outside a tensor of rank 2: in0 f32[4 3]"},
		{"scalar", []ir.Type{typ(dtype.Float32)}, func(in []*ir.Value) { ops.ArgSort(in[0], 0, true) }, "sort: axis 0 is outside a tensor of rank 0"},
		{"operands", []ir.Type{x, x}, func(in []*ir.Value) { ir.Apply(ops.SortOp{}, in...) }, "sort: wants 1 operands, got 2"},
	}}
}
