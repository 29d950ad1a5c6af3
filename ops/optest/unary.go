package optest

import (
	"math"
	"strings"

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
	"floor": {ops.Floor, -4, 4}, "ceil": {ops.Ceil, -4, 4}, "round": {ops.Round, -4, 4}, "trunc": {ops.Trunc, -4, 4},
	"exp2": {ops.Exp2, -4, 4}, "log2": {ops.Log2, 0.1, 9}, "log10": {ops.Log10, 0.1, 9},
	"tan": {ops.Tan, -1.2, 1.2}, "asin": {ops.Asin, -0.9, 0.9}, "acos": {ops.Acos, -0.9, 0.9}, "atan": {ops.Atan, -4, 4},
	"sinh": {ops.Sinh, -3, 3}, "cosh": {ops.Cosh, -3, 3}, "asinh": {ops.Asinh, -4, 4}, "acosh": {ops.Acosh, 1.2, 9}, "atanh": {ops.Atanh, -0.9, 0.9},
	"erfc": {ops.Erfc, -3, 3}, "erfinv": {ops.Erfinv, -0.9, 0.9}, "lgamma": {ops.Lgamma, 0.3, 9}, "digamma": {ops.Digamma, 0.3, 9},
}

func unary() Table {
	cases := Golden("unary", func(name string, a Attrs) func([]*ir.Value) []*ir.Value {
		if a.Op() == "not" {
			return one(func(in []*ir.Value) *ir.Value { return ops.Not(in[0]) })
		}
		u, ok := unaries[a.Op()]
		if !ok {
			return nil
		}
		return one(func(in []*ir.Value) *ir.Value { return u.f(in[0]) })
	})
	for i, c := range cases {
		if strings.HasPrefix(c.Name, "torch/digamma") { // of which PyTorch 2.15 has the gradient to 3e-10; see digamma_values
			cases[i].WantGrad = nil
		}
	}
	for name, u := range unaries {
		gen := NewGen(name)
		build := one(func(in []*ir.Value) *ir.Value { return u.f(in[0]) })
		cases = append(cases,
			Case{Name: name, In: []*tensor.Tensor{gen.Uniform(u.lo, u.hi, 3, 7)}, Build: build, Smooth: name != "digamma"}, // whose second gradient there is not
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
		"not":  {ops.Not, []int32{0, 5, -7, math.MinInt32}, []int32{-1, -6, 6, math.MaxInt32}},
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
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Sign(in[0]) }), Want: []*tensor.Tensor{Floats(1, -1, 0, 1, -1, 0)}},
		Case{Name: "round_halves", In: []*tensor.Tensor{Floats(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Round(in[0]) }), Want: []*tensor.Tensor{Floats(-2, -2, 0, 0, 2, 2)}},
	)
	for _, dt := range dtype.All() {
		if !dt.IsFloat() {
			cases = append(cases, Case{Name: "not_" + dt.String(), In: []*tensor.Tensor{NewGen("not").Ints(dt, 0, 2, 37)}, NoGrad: true,
				Build: one(func(in []*ir.Value) *ir.Value { return ops.Not(in[0]) })})
		}
	}
	const euler, zeta2, zeta3 = 0.5772156649015329, math.Pi * math.Pi / 6, 1.2020569031595942
	cases = append(cases,
		Case{Name: "digamma_values", In: []*tensor.Tensor{Floats(1, 2, 0.5, -0.5, 100)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Digamma(in[0]) }),
			Want:  []*tensor.Tensor{Floats(-euler, 1-euler, -euler-2*math.Ln2, 2-euler-2*math.Ln2, 4.600161852738087)},
			Gout:  []*tensor.Tensor{Floats(1, 1, 1, 1, 1)}, WantGrad: []*tensor.Tensor{Floats(zeta2, zeta2-1, 3*zeta2, 3*zeta2+4, 0.010050166663333571)}},
		Case{Name: "lgamma_zeros", In: []*tensor.Tensor{Floats(1, 2, 1+1e-5, 2-1e-5)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Mul(ops.Lgamma(in[0]), ops.Scalar(in[0], 1e4)) }),
			Want:  []*tensor.Tensor{Floats(0, 0, -euler/10+zeta2/2*1e-6-zeta3/3*1e-11, -(1-euler)/10+(zeta2-1)/2*1e-6+(zeta3-1)/3*1e-11)}},
		// Far below 0, where rounding the argument moves the result: only that both
		// agree is asked.
		Case{Name: "lgamma_negative", In: []*tensor.Tensor{NewGen("lgamma_negative").Uniform(-9, 0, 37)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Lgamma(in[0]) })},
		Case{Name: "digamma_negative", In: []*tensor.Tensor{NewGen("digamma_negative").Uniform(-9, 0, 37)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Digamma(in[0]) })},
		Case{Name: "trigamma_special", In: []*tensor.Tensor{special()}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ir.Apply1(ops.UnaryOp{F: ops.TrigammaFunc}, in[0]) })},
	)
	return Table{Cases: byElement(cases), Mistakes: []Mistake{
		{"exp_of_int", []ir.Type{typ(dtype.Int32, 2)}, func(in []*ir.Value) { ops.Exp(in[0]) }, "exp: is not defined for i32"},
		{"not_of_float", []ir.Type{typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.Not(in[0]) }, "not: is not defined for f32"},
		{"third_derivative", []ir.Type{typ(dtype.Float32, 2)}, func(in []*ir.Value) {
			trigamma := ir.Apply1(ops.UnaryOp{F: ops.TrigammaFunc}, in[0])
			trigamma.Node().Op().(ir.Differentiable).Grad(in, []*ir.Value{trigamma}, in)
		}, "trigamma: has no gradient: derivatives of lgamma end with the second"},
		{"neg_of_bool", []ir.Type{typ(dtype.Bool, 2)}, func(in []*ir.Value) { ops.Neg(in[0]) }, "neg: is not defined for bool"},
	}}
}
