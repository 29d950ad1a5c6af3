package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func iota() Table {
	var cases []Case
	for _, dt := range dtype.All() {
		if dt == dtype.Bool {
			continue
		}
		for axis := range 2 {
			want := fill(dt, []int{3, 4}, func(i int) float64 { return float64([]int{i / 4, i % 4}[axis]) })
			cases = append(cases, Case{Name: dt.String() + []string{"_rows", "_columns"}[axis], In: dummy(), NoGrad: true, Want: []*tensor.Tensor{want},
				Build: one(func(in []*ir.Value) *ir.Value { return ops.Iota(in[0].Graph(), dt, shape.Of(3, 4), axis) })})
		}
	}
	cases = append(cases,
		Case{Name: "negative", In: dummy(), NoGrad: true, Want: []*tensor.Tensor{Floats(0, 1, 2)}, Build: one(func(in []*ir.Value) *ir.Value { return ops.Iota(in[0].Graph(), dtype.Float64, shape.Of(3), -1) })},
		Case{Name: "u8_wraps", In: dummy(), NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Iota(in[0].Graph(), dtype.Uint8, shape.Of(600), 0) })},
		Case{Name: "empty", In: dummy(), NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Iota(in[0].Graph(), dtype.Int32, shape.Of(2, 0), 0) })},
	)
	return Table{Cases: cases, Mistakes: []Mistake{
		{"axis", []ir.Type{typ(dtype.Float32)}, func(in []*ir.Value) { ops.Iota(in[0].Graph(), dtype.Int32, shape.Of(2), 1) }, "iota: axis 1 is outside a tensor of rank 1"},
		{"bool", []ir.Type{typ(dtype.Float32)}, func(in []*ir.Value) { ops.Iota(in[0].Graph(), dtype.Bool, shape.Of(2), 0) }, "iota: wants a type of numbers"},
	}}
}
