package optest

import (
	"fmt"
	"math"
	"strconv"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func vectorNorm() Table {
	norm := func(p float64) reduction {
		return func(x *ir.Value, axes ...int) *ir.Value { return ops.VectorNorm(x, p, axes...) }
	}
	cases := Golden("statistics", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if a.Op() != "vector_norm" {
			return nil
		}
		p, err := strconv.ParseFloat(a.Text("p"), 64)
		if err != nil {
			panic(fmt.Sprintf("optest: internal error: p is %v", err))
		}
		return keeping(a, list(norm(p)))
	})
	for i, c := range cases {
		switch c.Name { // PyTorch gives a NaN no gradient there, Amax and Amin give NaN
		case "torch/vector_norm_inf_nan", "torch/vector_norm_-inf_nan":
			cases[i].WantGrad = nil
		}
	}
	gen := NewGen("vector_norm")
	inf, nan := math.Inf(1), math.NaN()
	// Powers of these stay in the range of float32.
	edges, _ := grid(Floats(0, math.Copysign(0, -1), 1, -1, 0.5, -2.5, 1e4, -1e4, 1e-6, inf, -inf, nan))
	for _, p := range []float64{0, 0.5, 1, 1.5, 2, 3, inf, -inf, -1, -2} {
		build := func(axes ...int) func(in []*ir.Value) []*ir.Value {
			return one(func(in []*ir.Value) *ir.Value { return ops.VectorNorm(in[0], p, axes...) })
		}
		name := fmt.Sprint("p=", p, " ")
		cases = append(cases,
			Case{Name: name + "all", In: []*tensor.Tensor{gen.Apart(3, 4)}, Build: build(), Smooth: true},
			Case{Name: name + "rows", In: []*tensor.Tensor{gen.Apart(3, 5)}, Build: build(-1), Smooth: true},
			Case{Name: name + "outer", In: []*tensor.Tensor{gen.Apart(2, 3, 4)}, Build: build(0, 2), Smooth: true},
			Case{Name: name + "scalar", In: []*tensor.Tensor{gen.Apart()}, Build: build(), Smooth: true},
			Case{Name: name + "long", In: []*tensor.Tensor{gen.Uniform(0.5, 1.5, 3, 1031)}, Build: build(1), NoGrad: true},
			Case{Name: name + "special", In: []*tensor.Tensor{edges}, Build: build(1), NoGrad: true},
			Case{Name: name + "no rows", In: []*tensor.Tensor{gen.Normal(0, 3)}, Build: build(1)},
		)
	}
	cases = append(cases,
		Case{Name: "frobenius", In: []*tensor.Tensor{gen.Normal(2, 3, 4)}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.FrobeniusNorm(in[0]) })},
		Case{Name: "euclid", In: []*tensor.Tensor{Floats(3, 0, -4)}, NoGrad: true, Want: []*tensor.Tensor{tensor.Scalar(5.0)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.VectorNorm(in[0], 2) }),
			Gout:  []*tensor.Tensor{tensor.Scalar(10.0)}, WantGrad: []*tensor.Tensor{Floats(6, 0, -8)}},
		Case{Name: "zeros", In: []*tensor.Tensor{Floats(0, 0)}, NoGrad: true, Want: []*tensor.Tensor{tensor.Scalar(0.0)},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.VectorNorm(in[0], 2) }),
			Gout:  []*tensor.Tensor{tensor.Scalar(10.0)}, WantGrad: []*tensor.Tensor{Floats(0, 0)}},
	)
	f32 := typ(dtype.Float32, 2, 0)
	wrong := func(name string, t ir.Type, p float64, want string, axes ...int) Mistake {
		return Mistake{name, []ir.Type{t}, func(in []*ir.Value) { ops.VectorNorm(in[0], p, axes...) }, want}
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("ints", typ(dtype.Int32, 2), 2, "vector_norm: wants a floating-point type, got i32: in0 i32[2]"),
		wrong("nan", f32, nan, "vector_norm: p is NaN"),
		wrong("nothing", f32, inf, "vector_norm: there is no element to choose from", 1),
		wrong("nothing negative", f32, -2, "vector_norm: there is no element to choose from"),
		wrong("outside", f32, 2, "sum: axis 2 is outside a tensor of rank 2", 2),
		{"frobenius of a vector", []ir.Type{typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.FrobeniusNorm(in[0]) }, "axis -2 is outside a tensor of rank 1"},
	}}
}
