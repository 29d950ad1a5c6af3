package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func products() Table {
	cases := of("einsum", "tensordot", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.TensorDot(in[0], in[1], a.Ints("x"), a.Ints("y")))
	})
	bilinear := func(in []*ir.Value) *ir.Value {
		in = append(in[:len(in):len(in)], nil)
		return ops.Bilinear(in[0], in[1], in[2], in[3])
	}
	cases = append(cases, of("einsum", "bilinear", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(bilinear(in)) })...)
	cases = append(cases, of("einsum", "outer", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.Outer(in[0], in[1])) })...)
	gen := NewGen("products")
	cases = append(cases,
		Case{Name: "tensordot", In: []*tensor.Tensor{gen.Normal(2, 3, 4), gen.Normal(4, 2, 5)}, Smooth: true, Build: both(func(x, y *ir.Value) *ir.Value { return ops.TensorDot(x, y, []int{2, 0}, []int{0, 1}) })},
		Case{Name: "bilinear", In: []*tensor.Tensor{gen.Normal(3, 2), gen.Normal(3, 4), gen.Normal(2, 2, 4), gen.Normal(2)}, Smooth: true, Build: one(bilinear)},
		Case{Name: "outer", In: []*tensor.Tensor{gen.Normal(3), gen.Normal(4)}, Smooth: true, Build: both(ops.Outer)},
	)
	x, w, v := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 2, 3, 3), typ(dtype.Float32, 3)
	return Table{cases, []Mistake{
		{"outer", []ir.Type{x, v}, func(in []*ir.Value) { ops.Outer(in[0], in[1]) }, "outer: wants two vectors: in0 f32[4 3], in1 f32[3]"},
		{"tensordot", []ir.Type{x, v}, func(in []*ir.Value) { ops.TensorDot(in[0], in[1], []int{0}, []int{0}) }, "dot: inner sizes differ: 4 and 3"},
		{"tensordot axes", []ir.Type{x, v}, func(in []*ir.Value) { ops.TensorDot(in[0], in[1], []int{0, 1}, []int{0}) }, "dot: wants as many axes of x as of y"},
		{"bilinear", []ir.Type{x, v, w}, func(in []*ir.Value) { bilinear(in) }, "bilinear: wants x1 [... I], x2 [... J] and weight [O I J]"},
		{"bilinear bias", []ir.Type{x, x, w, v}, func(in []*ir.Value) { bilinear(in) }, "bilinear: wants a bias of 2 elements"},
	}}
}
