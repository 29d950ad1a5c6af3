package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func softmax() Table {
	nan := math.NaN()
	return alongAxis("softmax", ops.Softmax, func(axis int) ir.Op { return ops.SoftmaxGradOp{Axis: axis} }, [][]float64{
		{nan, nan, nan, nan},
		{nan, nan, nan, nan},
		{nan, nan, nan, nan},
		{0.25, 0.25, 0.25, 0.25},
		{0, 0.5, 0.5, 0},
		{0, 1, 0, 0},
		{1, 0, 0, 0},
	})
}

// edgeRows are rows that a careless softmax gets wrong.
func edgeRows() *tensor.Tensor {
	inf, nan := math.Inf(1), math.NaN()
	return tensor.Must(tensor.Of([]float64{
		-inf, -inf, -inf, -inf,
		0, nan, 1, -inf,
		inf, 0, 1, -inf,
		1e4, 1e4, 1e4, 1e4,
		-inf, -3e4, -3e4, -inf,
		-inf, 7, -inf, -inf,
		1000, 0, -1000, 5,
	}, 7, 4))
}

// alongAxis is the table of the softmax or its logarithm; edges are what
// edgeRows gives.
func alongAxis(name string, f func(x *ir.Value, axis int) *ir.Value, gradOp func(axis int) ir.Op, edges [][]float64) Table {
	along := func(axis int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return f(in[0], axis) })
	}
	gradAlong := func(axis int) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return ir.Apply(gradOp(axis), in...) }
	}
	gen := NewGen(name)
	cases := Golden(name, func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value { return along(a.Int("axis")) })
	for axis := range 3 {
		cases = append(cases,
			Case{Name: fmt.Sprint("rank3 axis ", axis), In: []*tensor.Tensor{gen.Normal(2, 4, 3)}, Build: along(axis), Smooth: true},
			Case{Name: fmt.Sprint("grad rank3 axis ", axis), In: []*tensor.Tensor{gen.Uniform(-1, 0, 2, 4, 3), gen.Normal(2, 4, 3)}, Build: gradAlong(axis), Smooth: true},
		)
	}
	var flat []float64
	for _, row := range edges {
		flat = append(flat, row...)
	}
	cases = append(cases,
		Case{Name: "axis from the end", In: []*tensor.Tensor{gen.Normal(2, 4, 3)}, Build: along(-2), Smooth: true},
		Case{Name: "rank1", In: []*tensor.Tensor{gen.Normal(9)}, Build: along(0), Smooth: true},
		Case{Name: "wide", In: []*tensor.Tensor{gen.Uniform(-9, 9, 3, 133)}, Build: along(1)},
		Case{Name: "size1 axis", In: []*tensor.Tensor{gen.Normal(3, 1, 2)}, Build: along(1), Smooth: true},
		Case{Name: "empty batch", In: []*tensor.Tensor{gen.Normal(0, 4)}, Build: along(1)},
		Case{Name: "empty axis", In: []*tensor.Tensor{gen.Normal(3, 0)}, Build: along(1)},
		Case{Name: "ties", In: []*tensor.Tensor{gen.Levels(2, 4, 6)}, Build: along(1), Smooth: true},
		Case{
			Name: "edges", Build: along(1), NoGrad: true,
			In: []*tensor.Tensor{edgeRows()}, Want: []*tensor.Tensor{tensor.Must(tensor.Of(flat, len(edges), len(edges[0])))},
		},
		Case{Name: "grad size1 axis", In: []*tensor.Tensor{gen.Normal(3, 1, 2), gen.Normal(3, 1, 2)}, Build: gradAlong(1), Smooth: true},
		Case{Name: "grad empty batch", In: []*tensor.Tensor{gen.Normal(0, 4), gen.Normal(0, 4)}, Build: gradAlong(1)},
		Case{Name: "grad wide", In: []*tensor.Tensor{gen.Uniform(-1, 0, 3, 133), gen.Normal(3, 133)}, Build: gradAlong(1)},
	)
	f32 := typ(dtype.Float32, 2, 3)
	return Table{cases, []Mistake{
		{"axis", []ir.Type{f32}, func(in []*ir.Value) { f(in[0], 2) }, name + ": axis 2 is outside a tensor of rank 2: in0 f32[2 3]"},
		{"negative axis", []ir.Type{f32}, func(in []*ir.Value) { f(in[0], -3) }, name + ": axis -3 is outside a tensor of rank 2"},
		{"scalar", []ir.Type{typ(dtype.Float32)}, func(in []*ir.Value) { f(in[0], 0) }, name + ": axis 0 is outside a tensor of rank 0"},
		{"integers", []ir.Type{typ(dtype.Int64, 2, 3)}, func(in []*ir.Value) { f(in[0], 0) }, name + ": wants a floating-point type, got i64"},
		{"grad of another shape", []ir.Type{f32, typ(dtype.Float32, 3, 2)}, func(in []*ir.Value) { gradAlong(0)(in) }, name + "_grad: shapes differ"},
		{"grad axis", []ir.Type{f32, f32}, func(in []*ir.Value) { gradAlong(2)(in) }, name + "_grad: axis 2 is outside a tensor of rank 2"},
	}}
}
