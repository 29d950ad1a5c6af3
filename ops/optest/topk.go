package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func topK() Table {
	top := func(k, axis int, largest bool) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			if largest {
				return pair(ops.TopK(in[0], k, axis))
			}
			return pair(ops.BottomK(in[0], k, axis))
		}
	}
	cases := of("sorting", "topk", func(a Attrs, in []*ir.Value) []*ir.Value {
		return top(a.Int("k"), a.Int("axis"), a.Bool("largest"))(in)
	})
	cases = append(cases, of("sorting", "kthvalue", func(a Attrs, in []*ir.Value) []*ir.Value { return pair(ops.KthValue(in[0], a.Int("k"), a.Int("axis"))) })...)
	cases = append(cases, of("sorting", "median", func(a Attrs, in []*ir.Value) []*ir.Value { return pair(ops.Median(in[0], a.Int("axis"))) })...)
	cases = append(cases, of("sorting", "quantile", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.Quantile(in[0], a.Float("q"), a.Int("axis")))
	})...)
	gen := NewGen("topk")
	for _, largest := range []bool{true, false} {
		name := map[bool]string{true: "largest", false: "smallest"}[largest]
		for _, k := range []int{0, 1, 3, 5} {
			cases = append(cases,
				Case{Name: fmt.Sprint(k, " ", name), In: []*tensor.Tensor{gen.Apart(2, 5, 3)}, Build: top(k, 1, largest), Smooth: true},
				Case{Name: fmt.Sprint(k, " ", name, " of special numbers"), In: []*tensor.Tensor{special()}, Build: top(2*k, 0, largest), NoGrad: true},
				Case{Name: fmt.Sprint(k, " ", name, " of many ties"), In: []*tensor.Tensor{gen.Levels(9, 3, 400)}, Build: top(20*k, 1, largest), NoGrad: true})
		}
		for _, dt := range dtype.All() {
			cases = append(cases, Case{Name: name + " of " + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 90, 2, 60, 3)}, Build: top(7, 1, largest), NoGrad: true})
		}
	}
	median := func(in []*ir.Value) []*ir.Value { return pair(ops.Median(in[0], 0)) }
	nan := math.NaN()
	cases = append(cases,
		Case{Name: "values", In: []*tensor.Tensor{Floats(2, 5, 2, 5, nan, 1)}, Build: top(4, 0, true), NoGrad: true,
			Want: []*tensor.Tensor{Floats(nan, 5, 5, 2), tensor.Must(tensor.Of([]int64{4, 1, 3, 0}))}},
		Case{Name: "median", In: []*tensor.Tensor{gen.Apart(5, 3)}, Build: median, Smooth: true},
		Case{Name: "median of integers", In: []*tensor.Tensor{tensor.Must(tensor.Of([]int32{5, 1, 3, 3}))}, Build: median, NoGrad: true, Want: []*tensor.Tensor{tensor.Scalar[int32](3), tensor.Scalar[int64](2)}},
		Case{Name: "median of nan", In: []*tensor.Tensor{Floats(3, nan, 1, nan)}, Build: median, NoGrad: true, Want: []*tensor.Tensor{tensor.Scalar(nan), tensor.Scalar[int64](1)}},
		Case{Name: "quantile", In: []*tensor.Tensor{gen.Apart(5, 3)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Quantile(in[0], 0.3, 0) })},
	)
	x, i := typ(dtype.Float32, 4, 3), typ(dtype.Int32, 4)
	return Table{cases, []Mistake{
		{"k", []ir.Type{x}, func(in []*ir.Value) { ops.TopK(in[0], 4, 1) }, "topk: can't take 4 of 3 elements: in0 f32[4 3]"},
		{"negative", []ir.Type{x}, func(in []*ir.Value) { ops.BottomK(in[0], -1, 1) }, "topk: can't take -1 of 3 elements"},
		{"axis", []ir.Type{x}, func(in []*ir.Value) { ops.TopK(in[0], 1, -3) }, "topk: axis -3 is outside a tensor of rank 2"},
		{"kth", []ir.Type{x}, func(in []*ir.Value) { ops.KthValue(in[0], 0, 1) }, "kthvalue: counts from 1, not 0"},
		{"median of nothing", []ir.Type{typ(dtype.Float32, 0)}, func(in []*ir.Value) { ops.Median(in[0], 0) }, "kthvalue: counts from 1, not 0"},
		{"quantile", []ir.Type{x}, func(in []*ir.Value) { ops.Quantile(in[0], 1.5, 0) }, "quantile: there is no quantile 1.5 of 4 elements"},
		{"quantile of integers", []ir.Type{i}, func(in []*ir.Value) { ops.Quantile(in[0], 0.5, 0) }, "quantile: wants a floating-point type, got i32"},
		{"quantile axis", []ir.Type{x}, func(in []*ir.Value) { ops.Quantile(in[0], 0.5, 2) }, "axis 2 is outside a tensor of rank 2"},
	}}
}
