package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// adam8Bit has blocks of one element and of all, a last one that is short, and
// blocks of zeros, infinities and NaN. Its reference is the trajectories of
// package optim.
func adam8Bit() Table {
	gen := NewGen("adam_8bit")
	build := func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.Adam8BitOp{}, in...) }
	scalars := []float64{0.1, 0.01, 0.1, 0.99, 0.01, 1.5, 1e-3, 0.99}
	operands := func(dims ...int) []*tensor.Tensor {
		p := gen.Normal(dims...)
		blocks := (p.Size() + ops.Adam8BitBlock - 1) / ops.Adam8BitBlock
		in := []*tensor.Tensor{p, gen.Normal(dims...), gen.Ints(dtype.Uint8, 0, 256, dims...), gen.Ints(dtype.Uint8, 0, 256, dims...),
			gen.Uniform(0.5, 1, blocks), gen.Uniform(0.5, 1, blocks)}
		for _, s := range scalars {
			in = append(in, tensor.Scalar(s))
		}
		return in
	}
	special := func(g float64) []*tensor.Tensor { // a block with no mean so far
		in := operands(3, 100)
		in[4].SetFloat(0, 0)
		in[5].SetFloat(0, 0)
		for i := range 256 {
			in[0].SetFloat(i, 0)
			in[1].SetFloat(i, 0)
		}
		if g != 0 {
			in[1].SetFloat(70, g)
		}
		return in
	}
	twice := operands(300)
	p, s := typ(dtype.Float32, 4, 3), typ(dtype.Float32)
	codes, scales := typ(dtype.Uint8, 4, 3), typ(dtype.Float32, 1)
	good := []ir.Type{p, p, codes, codes, scales, scales, s, s, s, s, s, s, s, s}
	with := func(i int, t ir.Type) []ir.Type {
		in := append([]ir.Type(nil), good...)
		in[i] = t
		return in
	}
	apply := func(in []*ir.Value) { build(in) }
	return Table{[]Case{
		{Name: "small", In: operands(3, 5), Build: build, NoGrad: true},
		{Name: "scalar", In: operands(), Build: build, NoGrad: true},
		{Name: "a block", In: operands(256), Build: build, NoGrad: true},
		{Name: "blocks across rows", In: operands(7, 150), Build: build, NoGrad: true},
		{Name: "many blocks", In: operands(40, 1025), Build: build, NoGrad: true},
		{Name: "empty", In: operands(0, 3), Build: build, NoGrad: true},
		{Name: "a block of zeros", In: special(0), Build: build, NoGrad: true},
		{Name: "infinite", In: special(math.Inf(1)), Build: build, NoGrad: true},
		{Name: "nan", In: special(math.NaN()), Build: build, NoGrad: true},
		{Name: "p is the gradient, m is v", In: append([]*tensor.Tensor{twice[0], twice[2], twice[4]}, twice[6:]...), NoGrad: true,
			Build: func(in []*ir.Value) []*ir.Value {
				return build(append([]*ir.Value{in[0], in[0], in[1], in[1], in[2], in[2]}, in[3:]...))
			}},
		{Name: "of values that die", In: operands(20, 20), NoGrad: true, Build: func(in []*ir.Value) []*ir.Value {
			return build(append([]*ir.Value{ops.Add(in[0], in[0]), ops.Transpose(in[1], 1, 0)}, in[2:]...))
		}},
	}, []Mistake{
		{"operands", good[:13], apply, "adam_8bit: wants 14 operands, got 13"},
		{"gradient", with(1, typ(dtype.Float32, 4)), apply, "operand 1 must be f32[4 3], got f32[4]"},
		{"codes", with(2, p), apply, "operand 2 must be u8[4 3], got f32[4 3]"},
		{"scales", with(5, typ(dtype.Float32, 2)), apply, "operand 5 must be f32[1], got f32[2]"},
		{"scalar", with(6, typ(dtype.Float64)), apply, "operand 6 must be f32[], got f64[]"},
		{"integers", with(0, typ(dtype.Int32, 4, 3)), apply, "wants a floating-point type, got i32"},
	}}
}
