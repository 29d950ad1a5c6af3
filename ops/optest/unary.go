package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// unaries are the builders with an interval inside their domain.
var unaries = map[string]struct {
	f      func(x *ir.Value) *ir.Value
	lo, hi float64
}{
	"neg": {ops.Neg, -4, 4}, "abs": {ops.Abs, -4, 4}, "sign": {ops.Sign, -4, 4},
	"sqrt": {ops.Sqrt, 0.1, 9}, "rsqrt": {ops.Rsqrt, 0.1, 9},
	"exp": {ops.Exp, -4, 4}, "expm1": {ops.Expm1, -4, 4}, "log": {ops.Log, 0.1, 9}, "log1p": {ops.Log1p, -0.9, 5},
	"tanh": {ops.Tanh, -4, 4}, "sigmoid": {ops.Sigmoid, -9, 9}, "erf": {ops.Erf, -3, 3},
	"sin": {ops.Sin, -9, 9}, "cos": {ops.Cos, -9, 9},
	"floor": {ops.Floor, -4, 4}, "ceil": {ops.Ceil, -4, 4}, "round": {ops.Round, -4, 4},
}

func unary() Table {
	cases := Golden("unary", func(name string, a Attrs) func([]*ir.Value) []*ir.Value {
		u, ok := unaries[a.Op()]
		if !ok || name == "sign_special" { // of NaN the reference's sign is 0, here it is NaN
			return nil
		}
		return one(func(in []*ir.Value) *ir.Value { return u.f(in[0]) })
	})
	for i, c := range cases {
		if c.Name == "torch/abs_special" { // the gradient at NaN is 0 there, NaN here
			cases[i].WantGrad = nil
		}
	}
	for name, u := range unaries {
		gen := NewGen(name)
		build := one(func(in []*ir.Value) *ir.Value { return u.f(in[0]) })
		cases = append(cases,
			Case{Name: name, In: []*tensor.Tensor{gen.Uniform(u.lo, u.hi, 3, 7)}, Build: build, Smooth: true},
			Case{Name: name + "_scalar", In: []*tensor.Tensor{gen.Uniform(u.lo, u.hi)}, Build: build},
			Case{Name: name + "_long", In: []*tensor.Tensor{gen.Uniform(u.lo, u.hi, 5003)}, Build: build, NoGrad: true},
			Case{Name: name + "_empty", In: []*tensor.Tensor{gen.Normal(0, 3)}, Build: build},
			Case{Name: name + "_special", In: []*tensor.Tensor{special()}, Build: build, NoGrad: true},
		)
	}
	for _, dt := range []dtype.DType{dtype.Int32, dtype.Int64, dtype.Uint8, dtype.Uint32, dtype.Uint64} {
		x := tensor.New(dt, shapeOf([]int{4}))
		for i, v := range []int64{0, 1, 200, -3} { // -3 wraps around where there is no sign
			x.SetInt(i, v)
		}
		cases = append(cases, Case{Name: "neg_" + dt.String(), In: []*tensor.Tensor{x}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Neg(ops.Neg(in[0])) }), Want: []*tensor.Tensor{x}})
	}
	for name, c := range map[string]struct {
		f        func(*ir.Value) *ir.Value
		in, want []int32
	}{
		"neg":  {ops.Neg, []int32{0, 5, -7, math.MinInt32}, []int32{0, -5, 7, math.MinInt32}},
		"abs":  {ops.Abs, []int32{0, 5, -7, math.MinInt32}, []int32{0, 5, 7, math.MinInt32}},
		"sign": {ops.Sign, []int32{0, 5, -7, math.MinInt32}, []int32{0, 1, -1, -1}},
	} {
		cases = append(cases, Case{Name: name + "_i32_values", In: []*tensor.Tensor{tensor.Must(tensor.Of(c.in))}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return c.f(in[0]) }), Want: []*tensor.Tensor{tensor.Must(tensor.Of(c.want))}})
	}
	cases = append(cases,
		Case{Name: "abs_u8", In: []*tensor.Tensor{tensor.Must(tensor.Of([]uint8{0, 1, 127, 128, 255}))}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Abs(in[0]) }), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]uint8{0, 1, 127, 128, 255}))}},
		Case{Name: "sign_u64", In: []*tensor.Tensor{tensor.Must(tensor.Of([]uint64{0, 1, math.MaxUint64}))}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Sign(in[0]) }), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]uint64{0, 1, 1}))}},
		Case{Name: "sign_values", In: []*tensor.Tensor{Floats(2, -0.1, 0, math.Inf(1), math.Inf(-1), math.NaN())}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Sign(in[0]) }), Want: []*tensor.Tensor{Floats(1, -1, 0, 1, -1, math.NaN())}},
		Case{Name: "round_halves", In: []*tensor.Tensor{Floats(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Round(in[0]) }), Want: []*tensor.Tensor{Floats(-2, -2, 0, 0, 2, 2)}},
	)
	return Table{Cases: byElement(cases), Mistakes: []Mistake{
		{"exp_of_int", []ir.Type{typ(dtype.Int32, 2)}, func(in []*ir.Value) { ops.Exp(in[0]) }, "exp: is not defined for i32"},
		{"neg_of_bool", []ir.Type{typ(dtype.Bool, 2)}, func(in []*ir.Value) { ops.Neg(in[0]) }, "neg: is not defined for bool"},
	}}
}
