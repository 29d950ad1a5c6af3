package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func glu() Table {
	gen := NewGen("glu")
	gated := map[string]func(gate, x *ir.Value) *ir.Value{"swiglu": ops.SwiGLU, "geglu": ops.GeGLU, "reglu": ops.ReGLU}
	build := func(name string, axis int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value {
			if f := gated[name]; f != nil {
				return f(in[0], in[1])
			}
			return ops.GLU(in[0], axis)
		})
	}
	cases := Golden("glu", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value { return build(a.Op(), a.Int("axis")) })
	cases = append(cases,
		Case{Name: "glu", In: []*tensor.Tensor{gen.Normal(3, 4)}, Build: build("glu", 1), Smooth: true},
		Case{Name: "swiglu", In: []*tensor.Tensor{gen.Normal(3, 2), gen.Normal(3, 2)}, Build: build("swiglu", 0), Smooth: true},
		Case{Name: "geglu", In: []*tensor.Tensor{gen.Normal(3, 2), gen.Normal(3, 2)}, Build: build("geglu", 0), Smooth: true},
		Case{Name: "reglu", In: []*tensor.Tensor{gen.Apart(3, 2), gen.Normal(3, 2)}, Build: build("reglu", 0)},
	)
	f := typ(dtype.Float32, 3, 4)
	return Table{cases, []Mistake{
		{"odd", []ir.Type{f}, func(in []*ir.Value) { ops.GLU(in[0], 0) }, "glu: axis 0 of 3 elements has no halves: in0 f32[3 4]"},
		{"axis", []ir.Type{f}, func(in []*ir.Value) { ops.GLU(in[0], 2) }, "glu: axis 2 is outside"},
		{"integers", []ir.Type{typ(dtype.Int64, 4)}, func(in []*ir.Value) { ops.GLU(in[0], 0) }, "glu: wants a floating-point operand"},
		{"shapes", []ir.Type{f, typ(dtype.Float32, 3, 5)}, func(in []*ir.Value) { ops.SwiGLU(in[0], in[1]) }, "f32[3 5]"},
	}}
}
