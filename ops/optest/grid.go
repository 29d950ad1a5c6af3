package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func grids() Table {
	cases := moves("arange", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.Arange(in[0].Graph(), dtype.Float64, a.Float("start"), a.Float("end"), a.Float("step")))
	})
	cases = append(cases, moves("linspace", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.Linspace(in[0].Graph(), dtype.Float64, a.Float("start"), a.Float("end"), a.Int("n")))
	})...)
	cases = append(cases, moves("meshgrid", func(_ Attrs, in []*ir.Value) []*ir.Value { return ops.Meshgrid(in...) })...)
	gen := NewGen("grid")
	cases = append(cases,
		Case{Name: "whole numbers", In: []*tensor.Tensor{Floats(0)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Arange(in[0].Graph(), dtype.Int32, 2, -5, -3) }), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]int32{2, -1, -4}))}},
		Case{Name: "single precision", In: []*tensor.Tensor{Floats(0)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Linspace(in[0].Graph(), dtype.Float32, 0, 1, 4) }),
			Want:  []*tensor.Tensor{tensor.Must(tensor.Of([]float32{0, 1. / 3, 2. / 3, 1}))}},
		Case{Name: "mesh", In: []*tensor.Tensor{gen.Normal(2), gen.Normal(3)}, Smooth: true, Build: func(in []*ir.Value) []*ir.Value { return ops.Meshgrid(in...) }},
	)
	x, v := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 3)
	return Table{cases, []Mistake{
		{"backwards", []ir.Type{v}, func(in []*ir.Value) { ops.Arange(in[0].Graph(), dtype.Float32, 1, 0, 1) }, "arange: can't count from 1 to 0 by 1"},
		{"no step", []ir.Type{v}, func(in []*ir.Value) { ops.Arange(in[0].Graph(), dtype.Float32, 1, 2, 0) }, "arange: can't count from 1 to 2 by 0"},
		{"nan", []ir.Type{v}, func(in []*ir.Value) { ops.Arange(in[0].Graph(), dtype.Float32, math.NaN(), 2, 1) }, "arange: can't count from NaN to 2 by 1"},
		{"linspace", []ir.Type{v}, func(in []*ir.Value) { ops.Linspace(in[0].Graph(), dtype.Float32, 1, 2, -1) }, "linspace: can't make -1 numbers"},
		{"mesh", []ir.Type{x, v}, func(in []*ir.Value) { ops.Meshgrid(in...) }, "meshgrid: wants at most 8 operands of rank 1: in0 f32[4 3], in1 f32[3]"},
	}}
}
