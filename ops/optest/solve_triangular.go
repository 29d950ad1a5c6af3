package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func solveTriangular() Table {
	solve := func(t ops.Triangle) func(in []*ir.Value) []*ir.Value {
		return both(func(a, b *ir.Value) *ir.Value { return ops.SolveTriangular(a, b, t) })
	}
	cases := linear("solve_triangular", func(a Attrs, in []*ir.Value) []*ir.Value {
		return solve(ops.Triangle{Upper: a.Bool("upper"), Unit: a.Bool("unit"), Transpose: a.Bool("transpose")})(in)
	})
	gen := NewGen("solve_triangular")
	for i := range 8 {
		t := ops.Triangle{Upper: i&1 > 0, Transpose: i&2 > 0, Unit: i&4 > 0}
		a := gen.Normal(2, 3, 3)
		for k := range 2 {
			for j := range 3 {
				a.SetFloat(k*9+j*4, 2+a.Float(k*9+j*4)/4)
			}
		}
		cases = append(cases, Case{Name: fmt.Sprintf("%+v", t), In: []*tensor.Tensor{a, gen.Normal(3, 2)}, Build: solve(t), Smooth: true})
	}
	nan, inf := math.NaN(), math.Inf(1)
	cases = append(cases,
		Case{Name: "only the triangle is read", In: []*tensor.Tensor{square(nan, nan, 3, nan), tensor.Must(Floats(1, 5).Reshape(2, 1))}, Build: solve(ops.Triangle{Unit: true}), NoGrad: true,
			Want: []*tensor.Tensor{tensor.Must(Floats(1, 2).Reshape(2, 1))}},
		Case{Name: "singular", In: []*tensor.Tensor{square(2, 0, 0, 0), tensor.Must(Floats(1, 5).Reshape(2, 1))}, Build: solve(ops.Triangle{}), NoGrad: true,
			Want: []*tensor.Tensor{tensor.Must(Floats(0.5, inf).Reshape(2, 1))}},
	)
	a, b := typ(dtype.Float32, 3, 3), typ(dtype.Float32, 2, 1)
	return Table{cases, []Mistake{
		{"not square", []ir.Type{b, b}, func(in []*ir.Value) { solve(ops.Triangle{})(in) }, "solve_triangular: wants a square matrix, got 2 by 1"},
		{"rows", []ir.Type{a, b}, func(in []*ir.Value) { solve(ops.Triangle{})(in) }, "solve_triangular: wants a [... N N] and b [... N K]: in0 f32[3 3], in1 f32[2 1]"},
		{"vector", []ir.Type{a, typ(dtype.Float32, 3)}, func(in []*ir.Value) { solve(ops.Triangle{})(in) }, "solve_triangular: wants a [... N N] and b [... N K]"},
		{"types", []ir.Type{a, typ(dtype.Float64, 3, 1)}, func(in []*ir.Value) { solve(ops.Triangle{})(in) }, "solve_triangular: element types differ"},
		{"batch", []ir.Type{typ(dtype.Float32, 2, 3, 3), typ(dtype.Float32, 4, 3, 1)}, func(in []*ir.Value) { solve(ops.Triangle{})(in) }, "solve_triangular: shapes [2] and [4] do not broadcast"},
	}}
}
