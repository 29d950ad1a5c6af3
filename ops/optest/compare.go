package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func compare() Table {
	var cases []Case
	nan := math.NaN()
	x, y := Floats(1, 2, 3, nan, nan, 0), Floats(2, 2, 2, 1, nan, math.Copysign(0, -1))
	for name, c := range map[string]struct {
		f    binaryBuilder
		want []bool
	}{
		"eq": {ops.Eq, []bool{false, true, false, false, false, true}},
		"ne": {ops.Ne, []bool{true, false, true, true, true, false}},
		"lt": {ops.Lt, []bool{true, false, false, false, false, false}},
		"le": {ops.Le, []bool{true, true, false, false, false, true}},
		"gt": {ops.Gt, []bool{false, false, true, false, false, false}},
		"ge": {ops.Ge, []bool{false, true, true, false, false, true}},
	} {
		gen := NewGen(name)
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{x, y}, Build: both(c.f), NoGrad: true,
			Want: []*tensor.Tensor{tensor.Must(tensor.Of(c.want))}})
		for pair, dims := range pairs {
			cases = append(cases, Case{Name: name + "_" + pair, In: []*tensor.Tensor{gen.Levels(3, dims[0]...), gen.Levels(3, dims[1]...)}, Build: both(c.f), NoGrad: true})
		}
		for _, dt := range dtype.All() {
			cases = append(cases, Case{Name: name + "_" + dt.String(), NoGrad: true, Build: both(c.f),
				In: []*tensor.Tensor{gen.Ints(dt, 0, 2, 37), gen.Ints(dt, 0, 2, 37)}})
		}
	}
	cases = append(cases,
		Case{Name: "lt_i64_exact", In: []*tensor.Tensor{tensor.Must(tensor.Of([]int64{1 << 53, -1})), tensor.Must(tensor.Of([]int64{1<<53 + 1, 0}))},
			Build: both(ops.Lt), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]bool{true, true}))}, NoGrad: true},
		Case{Name: "lt_u64_no_sign", In: []*tensor.Tensor{tensor.Must(tensor.Of([]uint64{math.MaxUint64})), tensor.Must(tensor.Of([]uint64{1}))},
			Build: both(ops.Lt), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]bool{false}))}, NoGrad: true},
	)
	return Table{Cases: cases, Mistakes: []Mistake{
		{"types", []ir.Type{typ(dtype.Float32, 2), typ(dtype.Int32, 2)}, func(in []*ir.Value) { ops.Eq(in[0], in[1]) }, "eq: element types differ"},
		{"shapes", []ir.Type{typ(dtype.Float32, 2), typ(dtype.Float32, 3)}, func(in []*ir.Value) { ops.Eq(in[0], in[1]) }, "do not broadcast"},
	}}
}
