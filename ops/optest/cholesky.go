package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// linear takes the references of one op out of the file linalg.
func linear(op string, build func(a Attrs, in []*ir.Value) []*ir.Value) []Case {
	return of("linalg", op, build)
}

// gram is x xᵀ + 1: symmetric and positive definite.
func gram(x *ir.Value) *ir.Value {
	y := ops.MatMul(x, ops.SwapAxes(x, -1, -2))
	return ops.Add(y, ops.Eye(x.Graph(), x.DType(), x.Dim(-2)))
}

// square makes a matrix of rank 2 out of its elements.
func square(v ...float64) *tensor.Tensor {
	n := int(math.Sqrt(float64(len(v))))
	return tensor.Must(Floats(v...).Reshape(n, n))
}

func cholesky() Table {
	cases := linear("cholesky", func(_ Attrs, in []*ir.Value) []*ir.Value { return only(ops.Cholesky(in[0])) })
	gen, nan := NewGen("cholesky"), math.NaN()
	factor := one(func(in []*ir.Value) *ir.Value { return ops.Cholesky(in[0]) })
	for name, dims := range map[string][]int{"one": {1, 1}, "three": {3, 3}, "batch": {2, 3, 2}, "none": {0, 2, 2}, "of nothing": {2, 0, 0}} {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Normal(dims...)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Cholesky(gram(in[0])) })})
	}
	cases = append(cases,
		Case{Name: "large", In: []*tensor.Tensor{gen.Normal(2, 40, 40)}, NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Cholesky(gram(in[0])) }), Loose: 10}, // of sums of 40 products
		Case{Name: "the upper triangle is not read", In: []*tensor.Tensor{square(4, nan, 2, 10)}, Build: factor, NoGrad: true, Want: []*tensor.Tensor{square(2, 0, 1, 3)}},
		Case{Name: "not definite", In: []*tensor.Tensor{tensor.Must(Floats(1, 2, 2, 1, 4, 0, 0, 9).Reshape(2, 2, 2))}, Build: factor, NoGrad: true,
			Want: []*tensor.Tensor{tensor.Must(Floats(nan, nan, nan, nan, 2, 0, 0, 3).Reshape(2, 2, 2))}},
		Case{Name: "nan", In: []*tensor.Tensor{square(nan, 0, 0, 1)}, Build: factor, NoGrad: true, Want: []*tensor.Tensor{square(nan, nan, nan, nan)}},
	)
	return Table{cases, append(squareMistakes("cholesky", ops.Cholesky), Mistake{
		"operands", []ir.Type{typ(dtype.Float32, 2, 2), typ(dtype.Float32, 2, 2)}, func(in []*ir.Value) { ir.Apply(ops.CholeskyOp{}, in...) }, "cholesky: wants 1 operands, got 2",
	})}
}

// squareMistakes are those of functions of a square matrix.
func squareMistakes(name string, f func(a *ir.Value) *ir.Value) []Mistake {
	return []Mistake{
		{name + " not square", []ir.Type{typ(dtype.Float32, 4, 3)}, func(in []*ir.Value) { f(in[0]) }, name + ": wants a square matrix, got 4 by 3: in0 f32[4 3]"},
		{name + " vector", []ir.Type{typ(dtype.Float32, 4)}, func(in []*ir.Value) { f(in[0]) }, name + ": wants a matrix, got rank 1"},
		{name + " integers", []ir.Type{typ(dtype.Int64, 4, 4)}, func(in []*ir.Value) { f(in[0]) }, name + ": wants a floating-point type, got i64"},
	}
}
