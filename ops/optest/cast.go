package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func cast() Table {
	var cases []Case
	gen := NewGen("cast")
	castTo := func(to dtype.DType) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.Cast(in[0], to) })
	}
	for _, from := range dtype.All() {
		for _, to := range dtype.All() {
			cases = append(cases, Case{Name: fmt.Sprintf("%v_to_%v", from, to), In: []*tensor.Tensor{gen.Ints(from, 0, 100, 37)}, Build: castTo(to), NoGrad: true})
		}
	}
	add := func(name string, in, want *tensor.Tensor) {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{in}, Build: castTo(want.DType()), Want: []*tensor.Tensor{want}, NoGrad: true})
	}
	add("truncates", Floats(1.9, -1.9, 0.5), tensor.Must(tensor.Of([]int32{1, -1, 0})))
	add("saturates", Floats(300, -5, math.NaN(), math.Inf(1)), tensor.Must(tensor.Of([]uint8{255, 0, 0, 255})))
	add("saturates_i64", Floats(1e30, -1e30, math.NaN(), 1e15), tensor.Must(tensor.Of([]int64{math.MaxInt64, math.MinInt64, 0, 1e15})))
	add("saturates_u64", Floats(1e30, -1, 0x1p63), tensor.Must(tensor.Of([]uint64{math.MaxUint64, 0, 1 << 63})))
	add("nonzero_is_true", Floats(0, math.Copysign(0, -1), 0.1, math.NaN()), tensor.Must(tensor.Of([]bool{false, false, true, true})))
	add("bool_to_float", tensor.Must(tensor.Of([]bool{false, true})), Floats(0, 1))
	add("wraps", tensor.Must(tensor.Of([]int64{-1, 300, 1<<40 + 7})), tensor.Must(tensor.Of([]uint8{255, 44, 7})))
	add("i64_to_u64_exact", tensor.Must(tensor.Of([]int64{math.MaxInt64, -1})), tensor.Must(tensor.Of([]uint64{math.MaxInt64, math.MaxUint64})))
	add("u64_to_i64_exact", tensor.Must(tensor.Of([]uint64{1<<63 + 5, 3})), tensor.Must(tensor.Of([]int64{math.MinInt64 + 5, 3})))
	add("rounds_to_even", Floats(1+0x1p-24, 1+0x3p-24), tensor.Must(tensor.Of([]float32{1, 1 + 0x1p-22})))
	half := func(name string, in *tensor.Tensor, b, f float64) {
		add(name+"_bf16", in, tensor.Must(tensor.Of([]dtype.BF16{dtype.NewBF16(b)})))
		add(name+"_f16", in, tensor.Must(tensor.Of([]dtype.F16{dtype.NewF16(f)})))
	}
	half("rounds_once", Floats(1+0x1p-8+0x1p-40), 1+0x1p-7, 1+0x1p-8)
	half("overflows", Floats(1e39), math.Inf(1), math.Inf(1))
	half("stays_nan", Floats(math.NaN()), math.NaN(), math.NaN())
	half("i64", tensor.Must(tensor.Of([]int64{70001})), 70144, math.Inf(1))
	cases = append(cases,
		Case{Name: "same_type", In: []*tensor.Tensor{gen.Normal(3)}, Build: castTo(dtype.Float64), Smooth: true},
		// Through integers no gradient flows.
		Case{Name: "no_gradient", In: []*tensor.Tensor{Floats(1.5, 2.5)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Cast(ops.Cast(in[0], dtype.Int32), dtype.Float64) }),
			Want:  []*tensor.Tensor{Floats(1, 2)}, Gout: []*tensor.Tensor{Floats(1, 1)}, WantGrad: []*tensor.Tensor{Floats(0, 0)}, NoGrad: true},
		// Between floats it does; the numbers are exact in both.
		Case{Name: "gradient", In: []*tensor.Tensor{Floats(1.5, 2.5)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Cast(ops.Cast(in[0], dtype.Float32), dtype.Float64) }),
			Want:  []*tensor.Tensor{Floats(1.5, 2.5)}, Gout: []*tensor.Tensor{Floats(3, 4)}, WantGrad: []*tensor.Tensor{Floats(3, 4)}, NoGrad: true},
	)
	cases = append(cases, Golden("half", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		to, _ := dtype.Parse(a.Text("to"))
		return one(func(in []*ir.Value) *ir.Value { return ops.Cast(ops.Cast(in[0], to), dtype.Float64) })
	})...)
	return Table{Cases: byElement(cases), Mistakes: []Mistake{
		{"no_type", []ir.Type{typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.Cast(in[0], dtype.Invalid) }, "cast: there is no element type invalid"},
		{"unknown_type", []ir.Type{typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.Cast(in[0], dtype.DType(77)) }, "cast: there is no element type dtype(77)"},
	}}
}
