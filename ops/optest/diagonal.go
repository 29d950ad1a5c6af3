package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func diagonal() Table {
	cases := of("einsum", "diagonal", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.Diagonal(in[0], a.Int("offset"), a.Int("rows"), a.Int("cols")))
	})
	cases = append(cases, of("einsum", "diag_embed", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.DiagEmbed(in[0])) })...)
	cases = append(cases, of("einsum", "trace", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.Trace(in[0])) })...)
	cases = append(cases, copies("of matrices", []int{2, 3, 4}, func(x *ir.Value) *ir.Value { return ops.Diagonal(x, -1, 1, 2) })...)
	cases = append(cases, copies("embedded", []int{2, 3}, ops.DiagEmbed)...)
	gen := NewGen("diagonal")
	cases = append(cases,
		Case{Name: "traces", In: []*tensor.Tensor{gen.Normal(2, 3, 4)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Trace(in[0]) })},
		Case{Name: "eye", In: []*tensor.Tensor{Floats(0)}, NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Eye(in[0].Graph(), dtype.Float64, 2) }),
			Want: []*tensor.Tensor{tensor.Must(Floats(1, 0, 0, 1).Reshape(2, 2))}},
	)
	x, v := []ir.Type{typ(dtype.Float32, 4, 3)}, []ir.Type{typ(dtype.Float32, 3)}
	return Table{cases, []Mistake{
		{"same axis", x, func(in []*ir.Value) { ops.Diagonal(in[0], 0, 1, -1) }, "diagonal: axes 1 and -1 are not two of a tensor of rank 2: in0 f32[4 3]"},
		{"axis", x, func(in []*ir.Value) { ops.Diagonal(in[0], 0, 0, 2) }, "diagonal: axes 0 and 2 are not two of a tensor of rank 2"},
		{"trace", v, func(in []*ir.Value) { ops.Trace(in[0]) }, "diagonal: axes -2 and -1 are not two of a tensor of rank 1"},
		{"embed", []ir.Type{typ(dtype.Float32)}, func(in []*ir.Value) { ops.DiagEmbed(in[0]) }, "diag_embed: wants rank 1 and up"},
		{"eye", v, func(in []*ir.Value) { ops.Eye(in[0].Graph(), dtype.Float32, -2) }, "eye: shape: axis 0 of [-2 -2] is negative"},
	}}
}
