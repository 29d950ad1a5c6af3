package optest

import (
	"math"
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func activation() Table {
	gen := NewGen("activation")
	inf, nan := math.Inf(1), math.NaN()
	cases := Golden("activations", activationOf)
	for _, c := range cases {
		undoRounding(c)
		switch c.Name { // elements: Inf, -Inf, NaN, ...; see the documentation of both
		case "torch/hardsigmoid_default_special":
			c.WantGrad[0].SetFloat(2, c.Gout[0].Float(2)/6)
		}
	}

	// Value and gradient at +Inf and -Inf: NaN only where the formula has it.
	for _, c := range []struct {
		name        string
		f           func(x *ir.Value) *ir.Value
		want, slope [2]float64
	}{
		{"leaky_relu", func(x *ir.Value) *ir.Value { return ops.LeakyReLU(x, 0.25) }, [2]float64{inf, -inf}, [2]float64{1, 0.25}},
		{"relu6", ops.ReLU6, [2]float64{6, 0}, [2]float64{0, 0}},
		{"hardtanh", func(x *ir.Value) *ir.Value { return ops.Hardtanh(x, -0.5, 0.7) }, [2]float64{0.7, -0.5}, [2]float64{0, 0}},
		{"elu", func(x *ir.Value) *ir.Value { return ops.ELU(x, 1.5) }, [2]float64{inf, -1.5}, [2]float64{1, 0}},
		{"selu", ops.SELU, [2]float64{inf, -1.7580993408473766}, [2]float64{1.0507009873554805, 0}},
		{"celu", func(x *ir.Value) *ir.Value { return ops.CELU(x, 2) }, [2]float64{inf, -2}, [2]float64{1, 0}},
		{"softplus", func(x *ir.Value) *ir.Value { return ops.Softplus(x, 2, 20) }, [2]float64{inf, 0}, [2]float64{1, 0}},
		{"softplus without threshold", func(x *ir.Value) *ir.Value { return ops.Softplus(x, 1, inf) }, [2]float64{inf, 0}, [2]float64{1, 0}},
		{"logsigmoid", ops.LogSigmoid, [2]float64{0, -inf}, [2]float64{0, 1}},
		{"softsign", ops.Softsign, [2]float64{nan, nan}, [2]float64{nan, nan}},
		{"mish", ops.Mish, [2]float64{inf, nan}, [2]float64{nan, nan}},
		{"hardsigmoid", ops.Hardsigmoid, [2]float64{1, 0}, [2]float64{0, 0}},
		{"tanhshrink", ops.Tanhshrink, [2]float64{inf, -inf}, [2]float64{1, 1}},
		{"softshrink", func(x *ir.Value) *ir.Value { return ops.Softshrink(x, 0.5) }, [2]float64{inf, -inf}, [2]float64{1, 1}},
		{"hardshrink", func(x *ir.Value) *ir.Value { return ops.Hardshrink(x, 0.5) }, [2]float64{inf, -inf}, [2]float64{1, 1}},
		{"threshold", func(x *ir.Value) *ir.Value { return ops.Threshold(x, 0.1, 20) }, [2]float64{inf, 20}, [2]float64{1, 0}},
	} {
		build := one(func(in []*ir.Value) *ir.Value { return c.f(in[0]) })
		cases = append(cases,
			// Apart keeps clear of 0; the kinks elsewhere are no multiples of 0.2
			// or lie beyond the numbers drawn.
			Case{Name: c.name + " rank2", In: []*tensor.Tensor{gen.Apart(3, 2)}, Build: build, Smooth: true},
			Case{
				Name: c.name + " infinite", Build: build, NoGrad: true, In: []*tensor.Tensor{Floats(inf, -inf)},
				Want: []*tensor.Tensor{Floats(c.want[:]...)}, Gout: []*tensor.Tensor{Floats(1, 1)}, WantGrad: []*tensor.Tensor{Floats(c.slope[:]...)},
			},
			Case{Name: c.name + " nan", Build: build, NoGrad: true, In: []*tensor.Tensor{Floats(nan)}, Want: []*tensor.Tensor{Floats(nan)}},
			Case{Name: c.name + " special", Build: build, NoGrad: true, In: []*tensor.Tensor{special()}},
		)
	}
	prelu := one(func(in []*ir.Value) *ir.Value { return ops.PReLU(in[0], in[1]) })
	cases = append(cases,
		Case{Name: "prelu", In: []*tensor.Tensor{gen.Apart(2, 3, 4), gen.Normal(3)}, Build: prelu, Smooth: true},
		Case{Name: "prelu one weight", In: []*tensor.Tensor{gen.Apart(5), gen.Normal(1)}, Build: prelu, Smooth: true},
		Case{
			Name: "prelu infinite", Build: prelu, NoGrad: true,
			In:   []*tensor.Tensor{Floats(inf, nan, -2), Floats(0.5)},
			Want: []*tensor.Tensor{Floats(inf, nan, -1)},
			Gout: []*tensor.Tensor{Floats(1, 0, 1)}, WantGrad: []*tensor.Tensor{Floats(1, 0, 0.5), Floats(nan)},
		},
		Case{ // +Inf does not reach the gradient of the weight
			Name: "prelu infinite weight", Build: prelu, NoGrad: true,
			In:   []*tensor.Tensor{Floats(inf, -2), Floats(0.5)},
			Gout: []*tensor.Tensor{Floats(1, 3)}, WantGrad: []*tensor.Tensor{Floats(1, 1.5), Floats(-6)},
		},
	)

	f32 := typ(dtype.Float32, 2, 3)
	return Table{byElement(cases), []Mistake{
		{"hardtanh limits", []ir.Type{f32}, func(in []*ir.Value) { ops.Hardtanh(in[0], 2, 1) }, "hardtanh: lower limit 2 is above upper limit 1: in0 f32[2 3]"},
		{"hardtanh nan", []ir.Type{f32}, func(in []*ir.Value) { ops.Hardtanh(in[0], nan, 1) }, "hardtanh: lower limit NaN"},
		{"celu alpha", []ir.Type{f32}, func(in []*ir.Value) { ops.CELU(in[0], 0) }, "celu: alpha can't be 0"},
		{"softshrink lambd", []ir.Type{f32}, func(in []*ir.Value) { ops.Softshrink(in[0], -1) }, "softshrink: lambd -1 is negative"},
		{"prelu channels", []ir.Type{f32, typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.PReLU(in[0], in[1]) }, "prelu: weight must have one element, or one for each channel on axis 1"},
		{"prelu rank", []ir.Type{f32, typ(dtype.Float32, 2, 3)}, func(in []*ir.Value) { ops.PReLU(in[0], in[1]) }, "prelu: weight must have one element"},
		{"integers", []ir.Type{typ(dtype.Int64, 2)}, func(in []*ir.Value) { ops.Mish(in[0]) }, "is not defined for i64"},
	}}
}

// undoRounding removes from reference gradients what PyTorch 2.15 rounds to
// float32 in the backward pass of float64 tensors: 1/6 in hardsigmoid, and
// alpha, but for the factor in front, in celu.
func undoRounding(c Case) {
	const alpha, sixth = 0.1, 1.0 / 6
	for i := range c.In[0].Size() {
		x, factor := c.In[0].Float(i), 1.0
		switch {
		case strings.HasPrefix(c.Name, "torch/hardsigmoid"):
			factor = sixth / float64(float32(sixth))
		case strings.HasPrefix(c.Name, "torch/celu_alpha_small") && x <= 0 && x >= -math.MaxFloat64:
			rounded := float64(float32(alpha))
			factor = rounded / alpha * math.Exp(x/alpha-x/rounded)
		}
		c.WantGrad[0].SetFloat(i, factor*c.WantGrad[0].Float(i))
	}
}

// activationOf builds a case of reference values, but for the ops that have
// tables of their own.
func activationOf(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
	return map[string]func(in []*ir.Value) []*ir.Value{
		"relu6":       one(func(in []*ir.Value) *ir.Value { return ops.ReLU6(in[0]) }),
		"leaky_relu":  one(func(in []*ir.Value) *ir.Value { return ops.LeakyReLU(in[0], a.Float("negative_slope")) }),
		"elu":         one(func(in []*ir.Value) *ir.Value { return ops.ELU(in[0], a.Float("alpha")) }),
		"selu":        one(func(in []*ir.Value) *ir.Value { return ops.SELU(in[0]) }),
		"celu":        one(func(in []*ir.Value) *ir.Value { return ops.CELU(in[0], a.Float("alpha")) }),
		"mish":        one(func(in []*ir.Value) *ir.Value { return ops.Mish(in[0]) }),
		"softplus":    one(func(in []*ir.Value) *ir.Value { return ops.Softplus(in[0], a.Float("beta"), a.Float("threshold")) }),
		"softsign":    one(func(in []*ir.Value) *ir.Value { return ops.Softsign(in[0]) }),
		"hardsigmoid": one(func(in []*ir.Value) *ir.Value { return ops.Hardsigmoid(in[0]) }),
		"hardtanh":    one(func(in []*ir.Value) *ir.Value { return ops.Hardtanh(in[0], a.Float("min_val"), a.Float("max_val")) }),
		"logsigmoid":  one(func(in []*ir.Value) *ir.Value { return ops.LogSigmoid(in[0]) }),
		"tanhshrink":  one(func(in []*ir.Value) *ir.Value { return ops.Tanhshrink(in[0]) }),
		"softshrink":  one(func(in []*ir.Value) *ir.Value { return ops.Softshrink(in[0], a.Float("lambd")) }),
		"hardshrink":  one(func(in []*ir.Value) *ir.Value { return ops.Hardshrink(in[0], a.Float("lambd")) }),
		"threshold":   one(func(in []*ir.Value) *ir.Value { return ops.Threshold(in[0], a.Float("threshold"), a.Float("value")) }),
		"prelu":       one(func(in []*ir.Value) *ir.Value { return ops.PReLU(in[0], in[1]) }),
	}[a.Op()]
}
