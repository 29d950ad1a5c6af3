package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func mask() Table {
	cases := moves("tril", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.Tril(in[0], a.Int("diagonal"))) })
	cases = append(cases, moves("triu", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.Triu(in[0], a.Int("diagonal"))) })...)
	cases = append(cases, moves("masked_fill", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.MaskedFill(in[0], in[1], a.Float("value")))
	})...)
	cases = append(cases, moves("one_hot", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.OneHot(in[0], a.Int("n"), dtype.Int64)) })...)
	cases = append(cases, copies("lower", []int{2, 3, 5}, func(x *ir.Value) *ir.Value { return ops.Tril(x, 1) })...)
	cases = append(cases, copies("upper", []int{2, 5, 3}, func(x *ir.Value) *ir.Value { return ops.Triu(x, -1) })...)
	causal := func(queries, keys int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.CausalMask(in[0].Graph(), queries, keys) })
	}
	bools := func(cols int, v ...bool) []*tensor.Tensor {
		return []*tensor.Tensor{tensor.Must(tensor.Of(v, len(v)/cols, cols))}
	}
	cases = append(cases,
		Case{Name: "causal", In: []*tensor.Tensor{Floats(0)}, Build: causal(2, 2), Want: bools(2, true, false, true, true), NoGrad: true},
		Case{Name: "causal over a cache", In: []*tensor.Tensor{Floats(0)}, Build: causal(2, 4), Want: bools(4, true, true, true, false, true, true, true, true), NoGrad: true},
		Case{Name: "more queries than keys", In: []*tensor.Tensor{Floats(0)}, Build: causal(3, 2), Want: bools(2, false, false, true, false, true, true), NoGrad: true},
	)
	gen := NewGen("mask")
	for _, dt := range dtype.All() {
		if dt.IsInt() {
			cases = append(cases, Case{Name: "one_hot_of_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 7, 2, 3)}, NoGrad: true,
				Build: func(in []*ir.Value) []*ir.Value {
					return []*ir.Value{ops.OneHot(in[0], 6, dtype.Float32), ops.OneHot(in[0], 300, dtype.Bool)}
				}})
		}
	}
	cases = append(cases, Case{Name: "one_hot_outside", In: []*tensor.Tensor{tensor.Must(tensor.Of([]int64{-1, 2, 1}))}, NoGrad: true,
		Build: one(func(in []*ir.Value) *ir.Value { return ops.OneHot(in[0], 2, dtype.Int32) }),
		Want:  []*tensor.Tensor{tensor.Must(tensor.Of([]int32{0, 0, 0, 0, 0, 1}, 3, 2))}})
	x, v := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 3)
	return Table{cases, []Mistake{
		{"tril", []ir.Type{v}, func(in []*ir.Value) { ops.Tril(in[0], 0) }, "tril: wants a matrix, got rank 1: in0 f32[3]"},
		{"triu", []ir.Type{v}, func(in []*ir.Value) { ops.Triu(in[0], 0) }, "triu: wants a matrix, got rank 1"},
		{"causal", []ir.Type{v}, func(in []*ir.Value) { ops.CausalMask(in[0].Graph(), -1, 2) }, "triangle_mask: shape: axis 0 of [-1 2] is negative"},
		{"fill", []ir.Type{x, x}, func(in []*ir.Value) { ops.MaskedFill(in[0], in[1], 0) }, "select: the condition must be bool"},
		{"one_hot", []ir.Type{v}, func(in []*ir.Value) { ops.OneHot(in[0], 3, dtype.Float32) }, "one_hot: wants an index of an integer type, got f32"},
		{"classes", []ir.Type{typ(dtype.Int64, 2)}, func(in []*ir.Value) { ops.OneHot(in[0], -1, dtype.Float32) }, "one_hot: shape: axis 1 of [2 -1] is negative"},
	}}
}
