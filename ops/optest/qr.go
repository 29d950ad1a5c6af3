package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func qr() Table {
	factor := func(in []*ir.Value) []*ir.Value { return pair(ops.QR(in[0])) }
	cases := linear("qr", func(_ Attrs, in []*ir.Value) []*ir.Value { return factor(in) })
	gen := NewGen("qr")
	for name, dims := range map[string][]int{"square": {3, 3}, "tall": {2, 4, 2}, "wide": {2, 4}, "one": {1, 1}} {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Normal(dims...)}, Build: factor, Smooth: true})
	}
	for i, name := range []string{"q alone", "r alone"} {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Normal(4, 3)}, Smooth: true, Build: func(in []*ir.Value) []*ir.Value { return factor(in)[i : i+1] }})
	}
	cases = append(cases,
		Case{Name: "large", In: []*tensor.Tensor{gen.Normal(3, 40, 30)}, Build: factor, NoGrad: true},
		Case{Name: "no columns", In: []*tensor.Tensor{gen.Normal(2, 3, 0)}, Build: factor},
		// No reflection where nothing stands below: as in LAPACK, the sign stays.
		Case{Name: "triangular", In: []*tensor.Tensor{square(2, 1, 0, -3)}, Build: factor, NoGrad: true, Want: []*tensor.Tensor{square(1, 0, 0, 1), square(2, 1, 0, -3)}},
		Case{Name: "zeros", In: []*tensor.Tensor{square(0, 0, 0, 0)}, Build: factor, NoGrad: true, Want: []*tensor.Tensor{square(1, 0, 0, 1), square(0, 0, 0, 0)}},
	)
	return Table{cases, []Mistake{
		{"vector", []ir.Type{typ(dtype.Float32, 4)}, func(in []*ir.Value) { factor(in) }, "qr: wants a matrix, got rank 1: in0 f32[4]"},
		{"integers", []ir.Type{typ(dtype.Int64, 4, 4)}, func(in []*ir.Value) { factor(in) }, "qr: wants a floating-point type, got i64"},
		{"wide", []ir.Type{typ(dtype.Float32, 2, 3)}, func(in []*ir.Value) { ir.Apply(ops.QROp{}, in...) }, "qr: wants matrices [... M N] with M of at least N"},
	}}
}
