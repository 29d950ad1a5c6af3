package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func matrixNorm() Table {
	var cases []Case
	var mistakes []Mistake
	gen := NewGen("matrix_norm")
	for name, f := range map[string]func(*ir.Value) *ir.Value{
		"nuclear_norm": ops.NuclearNorm, "spectral_norm": ops.SpectralNorm, "max_column_sum": ops.MaxColumnSum, "max_row_sum": ops.MaxRowSum,
	} {
		cases = append(cases, linear(name, func(_ Attrs, in []*ir.Value) []*ir.Value { return only(f(in[0])) })...)
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Apart(2, 3, 4)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return f(in[0]) })})
		mistakes = append(mistakes, Mistake{name, []ir.Type{typ(dtype.Float32, 4)}, func(in []*ir.Value) { f(in[0]) }, "wants a matrix, got rank 1: in0 f32[4]"})
	}
	return Table{cases, mistakes}
}
