package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func gelu() Table {
	gelu := one(func(in []*ir.Value) *ir.Value { return ops.GELU(in[0]) })
	geluTanh := one(func(in []*ir.Value) *ir.Value { return ops.GELUTanh(in[0]) })
	gen := NewGen("gelu")
	inf, nan := math.Inf(1), math.NaN()

	cases := Golden("gelu", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		if a.Text("approximate") == "tanh" {
			return geluTanh
		}
		return gelu
	})
	for _, v := range []struct {
		name  string
		build func(in []*ir.Value) []*ir.Value
	}{{"erf", gelu}, {"tanh", geluTanh}} {
		name, build := v.name, v.build
		cases = append(cases,
			Case{Name: name + " rank0", In: []*tensor.Tensor{gen.Normal()}, Build: build, Smooth: true},
			Case{Name: name + " rank3", In: []*tensor.Tensor{gen.Uniform(-3, 3, 2, 1, 9)}, Build: build, Smooth: true},
			Case{Name: name + " special", In: []*tensor.Tensor{special()}, Build: build, NoGrad: true},
			Case{
				Name: name + " edges", Build: build, NoGrad: true,
				In:   []*tensor.Tensor{Floats(inf, -inf, nan, 0)},
				Want: []*tensor.Tensor{Floats(inf, nan, nan, 0)},
			},
		)
	}
	for _, tanh := range []bool{false, true} {
		slope := func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.GELUSlopeOp{Tanh: tanh}, in...) }
		name := fmt.Sprint("slope, tanh ", tanh)
		cases = append(cases,
			Case{Name: name, In: []*tensor.Tensor{gen.Uniform(-3, 3, 3, 5)}, Build: slope, Smooth: true},
			Case{Name: name + ", long", In: []*tensor.Tensor{gen.Uniform(-6, 6, 2, 1025)}, Build: slope, NoGrad: true},
			Case{
				Name: name + ", edges", Build: slope, NoGrad: true,
				In:   []*tensor.Tensor{Floats(inf, -inf, nan, 0)},
				Want: []*tensor.Tensor{Floats(nan, nan, nan, 0.5)},
			},
		)
	}
	return Table{byElement(cases), []Mistake{
		{"slope", []ir.Type{typ(dtype.Int32, 3)}, func(in []*ir.Value) { ir.Apply(ops.GELUSlopeOp{}, in...) }, "gelu_slope: "},
		{"integers", []ir.Type{typ(dtype.Uint8, 3)}, func(in []*ir.Value) { ops.GELU(in[0]) }, "gelu: wants a floating-point type, got u8"},
	}}
}
