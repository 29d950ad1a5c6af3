package optest

import (
	"math"
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func elementwise() Table {
	gen := NewGen("elementwise")
	inf, nan := math.Inf(1), math.NaN()
	single := map[string]func(x *ir.Value) *ir.Value{
		"reciprocal": ops.Reciprocal, "square": ops.Square, "frac": ops.Frac, "logit": ops.Logit,
		"isnan": ops.IsNaN, "isinf": ops.IsInf, "isfinite": ops.IsFinite, "logical_not": ops.LogicalNot,
	}
	pair := map[string]binaryBuilder{"logical_and": ops.LogicalAnd, "logical_or": ops.LogicalOr, "logical_xor": ops.LogicalXor}
	cases := Golden("unary", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		f := single[a.Op()]
		switch {
		case a.Has("eps"):
			return one(func(in []*ir.Value) *ir.Value { return ops.LogitClamped(in[0], a.Float("eps")) })
		case f != nil:
			return one(func(in []*ir.Value) *ir.Value { return f(in[0]) })
		}
		return nil
	})
	cases = append(cases, Golden("binary", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		switch f := pair[a.Op()]; {
		case f != nil:
			return both(f)
		case a.Op() != "lerp":
		case a.Has("weight"):
			return one(func(in []*ir.Value) *ir.Value {
				return ops.Lerp(in[0], in[1], ops.Scalar(in[0], a.Float("weight")))
			})
		default:
			return one(func(in []*ir.Value) *ir.Value { return ops.Lerp(in[0], in[1], in[2]) })
		}
		return nil
	})...)
	for name, f := range single {
		build := one(func(in []*ir.Value) *ir.Value { return f(in[0]) })
		test := strings.HasPrefix(name, "is") || name == "logical_not" // gives Bool
		cases = append(cases,
			Case{Name: name, In: []*tensor.Tensor{gen.Uniform(0.1, 0.9, 3, 7)}, Build: build, Smooth: !test, NoGrad: test},
			Case{Name: name + "_scalar", In: []*tensor.Tensor{gen.Uniform(0.1, 0.9)}, Build: build, NoGrad: test},
			Case{Name: name + "_long", In: []*tensor.Tensor{gen.Uniform(0.1, 0.9, 5003)}, Build: build, NoGrad: true},
			Case{Name: name + "_empty", In: []*tensor.Tensor{gen.Normal(0, 3)}, Build: build, NoGrad: test},
			Case{Name: name + "_special", In: []*tensor.Tensor{special()}, Build: build, NoGrad: true},
		)
	}
	for name, f := range pair {
		xs, ys := grid(special())
		cases = append(cases,
			Case{Name: name + "_special", In: []*tensor.Tensor{xs, ys}, Build: both(f), NoGrad: true},
			Case{Name: name + "_types", In: []*tensor.Tensor{gen.Ints(dtype.Uint8, 0, 2, 5, 1), gen.Bools(4)}, Build: both(f), NoGrad: true},
		)
	}
	for dims, shapes := range map[string][3][]int{
		"same": {{3, 5}, {3, 5}, {3, 5}}, "scalar weight": {{3, 5}, {5}, {}}, "broadcast": {{3, 1}, {1, 4}, {4}}, "empty": {{0, 3}, {1, 3}, {}},
	} {
		cases = append(cases, Case{Name: "lerp " + dims, Smooth: true,
			In:    []*tensor.Tensor{gen.Normal(shapes[0]...), gen.Normal(shapes[1]...), gen.Uniform(0.1, 0.4, shapes[2]...)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Lerp(in[0], in[1], in[2]) })})
	}
	cases = append(cases,
		Case{Name: "logit clamped", In: []*tensor.Tensor{gen.Uniform(-0.5, 1.5, 3, 7)}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.LogitClamped(in[0], 0.05) })},
		Case{Name: "square of integers", In: []*tensor.Tensor{gen.Ints(dtype.Int32, -9, 9, 7)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Square(in[0]) })},
		Case{Name: "tests of integers", In: []*tensor.Tensor{gen.Ints(dtype.Int64, -1, 2, 7), gen.Bools(7)}, NoGrad: true,
			Build: func(in []*ir.Value) []*ir.Value {
				return []*ir.Value{ops.IsNaN(in[0]), ops.IsInf(in[0]), ops.IsFinite(in[0]), ops.IsFinite(in[1]), ops.LogicalNot(in[1])}
			}},
		Case{Name: "tests", In: []*tensor.Tensor{Floats(0, 1, inf, -inf, nan)}, NoGrad: true,
			Build: func(in []*ir.Value) []*ir.Value {
				return []*ir.Value{ops.IsNaN(in[0]), ops.IsInf(in[0]), ops.IsFinite(in[0]), ops.LogicalNot(in[0])}
			},
			Want: []*tensor.Tensor{
				tensor.Must(tensor.Of([]bool{false, false, false, false, true})), tensor.Must(tensor.Of([]bool{false, false, true, true, false})),
				tensor.Must(tensor.Of([]bool{true, true, false, false, false})), tensor.Must(tensor.Of([]bool{true, false, false, false, false})),
			}},
	)
	f32 := typ(dtype.Float32, 2)
	return Table{byElement(cases), []Mistake{
		{"reciprocal_of_ints", []ir.Type{typ(dtype.Int32, 2)}, func(in []*ir.Value) { ops.Reciprocal(in[0]) }, "reciprocal: wants a floating-point type, got i32: in0 i32[2]"},
		{"frac_of_ints", []ir.Type{typ(dtype.Int32, 2)}, func(in []*ir.Value) { ops.Frac(in[0]) }, "trunc: is not defined for i32"},
		{"logit_eps", []ir.Type{f32}, func(in []*ir.Value) { ops.LogitClamped(in[0], 0.6) }, "logit: eps 0.6 is outside 0..0.5: in0 f32[2]"},
		{"lerp_shapes", []ir.Type{f32, typ(dtype.Float32, 3)}, func(in []*ir.Value) { ops.Lerp(in[0], in[1], in[0]) }, "do not broadcast"},
		{"logical_shapes", []ir.Type{f32, typ(dtype.Float32, 3)}, func(in []*ir.Value) { ops.LogicalAnd(in[0], in[1]) }, "and: shapes [2] and [3] do not broadcast"},
	}}
}
