package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func dynamicSlice() Table {
	cases := of("dynamic", "dynamic_slice", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.DynamicSlice(in[0], a.Ints("size"), in[1:]...))
	})
	cases = append(cases, of("dynamic", "dynamic_update", func(_ Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.DynamicUpdate(in[0], in[1], in[2:]...))
	})...)
	gen := NewGen("dynamic_slice")
	start := func(v int64) *tensor.Tensor { return tensor.Scalar(v) }
	take := func(size ...int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.DynamicSlice(in[0], size, in[1:]...) })
	}
	put := one(func(in []*ir.Value) *ir.Value { return ops.DynamicUpdate(in[0], in[1], in[2:]...) })
	for _, dt := range dtype.All() {
		whole, part := gen.Ints(dt, 0, 100, 3, 5, 4), gen.Ints(dt, 0, 100, 2, 3, 4)
		cases = append(cases,
			Case{Name: "of_" + dt.String(), In: []*tensor.Tensor{whole, start(1), start(1), start(0)}, Build: take(2, 3, 4), NoGrad: true},
			Case{Name: "update_of_" + dt.String(), In: []*tensor.Tensor{whole, part, start(1), start(1), start(0)}, Build: put, NoGrad: true})
		if dt.IsInt() {
			by := gen.Ints(dt, 1, 3)
			cases = append(cases,
				Case{Name: "by_" + dt.String(), In: []*tensor.Tensor{gen.Normal(5), by}, Build: take(2), Smooth: true},
				Case{Name: "update_by_" + dt.String(), In: []*tensor.Tensor{gen.Normal(5), gen.Normal(2), by}, Build: put, Smooth: true})
		}
	}
	for i, v := range []int64{math.MinInt64, -1, 3, math.MaxInt64} {
		cases = append(cases, Case{Name: fmt.Sprint("clamped ", i), In: []*tensor.Tensor{Floats(1, 2, 3, 4), start(v)}, Build: take(2), NoGrad: true, Want: []*tensor.Tensor{Floats(1+2*float64(i/2), 2+2*float64(i/2))}})
	}
	cases = append(cases,
		Case{Name: "beyond int64", In: []*tensor.Tensor{Floats(1, 2, 3, 4), tensor.Scalar(uint64(1 << 63))}, Build: take(2), NoGrad: true, Want: []*tensor.Tensor{Floats(3, 4)}},
		Case{Name: "narrow", In: []*tensor.Tensor{gen.Normal(2, 5, 3), start(3)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.DynamicNarrow(in[0], -2, in[1], 2) })},
		Case{Name: "update along", In: []*tensor.Tensor{gen.Normal(2, 5, 3), gen.Normal(2, 1, 3), start(3)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.DynamicUpdateAxis(in[0], in[1], 1, in[2]) })},
		Case{Name: "of itself", In: []*tensor.Tensor{gen.Normal(5), start(2)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { // a block of the tensor moved in it
			y := ops.Exp(in[0])
			return ops.DynamicUpdate(y, ops.Narrow(y, 0, 0, 3), in[1])
		})},
		Case{Name: "all of itself", In: []*tensor.Tensor{gen.Normal(5), start(2)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value {
			y := ops.Exp(in[0])
			return ops.DynamicUpdate(y, y, in[1])
		})},
		Case{Name: "overlapping", In: []*tensor.Tensor{gen.Normal(5), gen.Normal(3), gen.Normal(3)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value {
			i := ops.FullInt(in[0].Graph(), dtype.Int32, shapeOf(nil), 1)
			return ops.DynamicUpdate(ops.DynamicUpdate(in[0], in[1], i), in[2], ops.Add(i, i))
		})},
	)
	x, i := typ(dtype.Float32, 4, 3), typ(dtype.Int64)
	return Table{cases, []Mistake{
		{"size", []ir.Type{x, i, i}, func(in []*ir.Value) { take(5, 1)(in) }, "dynamic_slice: axis 0 of 4 elements has no block of 5: in0 f32[4 3]"},
		{"negative", []ir.Type{x, i, i}, func(in []*ir.Value) { take(-1, 1)(in) }, "dynamic_slice: shape: axis 0 of [-1 1] is negative"},
		{"rank", []ir.Type{x, i, i}, func(in []*ir.Value) { take(2)(in) }, "dynamic_slice: a block [2] has another rank than the operand"},
		{"starts", []ir.Type{x, i}, func(in []*ir.Value) { take(2, 2)(in) }, "dynamic_slice: wants one start for each of 2 axes, got 1"},
		{"start type", []ir.Type{x, i, typ(dtype.Float32)}, func(in []*ir.Value) { take(2, 2)(in) }, "dynamic_slice: wants starts of rank 0 and an integer type, got f32[]"},
		{"start rank", []ir.Type{x, i, typ(dtype.Int64, 1)}, func(in []*ir.Value) { take(2, 2)(in) }, "dynamic_slice: wants starts of rank 0 and an integer type, got i64[1]"},
		{"narrow", []ir.Type{x, i}, func(in []*ir.Value) { ops.DynamicNarrow(in[0], 2, in[1], 1) }, "dynamic_slice: axis 2 is outside a tensor of rank 2"},
		{"block type", []ir.Type{x, typ(dtype.Float64, 1, 1), i, i}, func(in []*ir.Value) { put(in) }, "dynamic_update: element types differ"},
		{"block size", []ir.Type{x, typ(dtype.Float32, 1, 4), i, i}, func(in []*ir.Value) { put(in) }, "dynamic_update: axis 1 of 3 elements has no block of 4"},
		{"along", []ir.Type{x, typ(dtype.Float32, 1, 2), i}, func(in []*ir.Value) { ops.DynamicUpdateAxis(in[0], in[1], 0, in[2]) }, "dynamic_update: shapes differ on another axis than 0"},
		{"along axis", []ir.Type{x, x, i}, func(in []*ir.Value) { ops.DynamicUpdateAxis(in[0], in[1], 2, in[2]) }, "dynamic_update: axis 2 is outside a tensor of rank 2"},
		{"operands", []ir.Type{x}, func(in []*ir.Value) { ir.Apply(ops.DynamicUpdateOp{}, in...) }, "dynamic_update: wants at least 2 operands, got 1"},
	}}
}
