package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func sumSquares() Table {
	gen := NewGen("sum_squares")
	build := one(func(in []*ir.Value) *ir.Value { return ops.SumSquares(in...) })
	many := []*tensor.Tensor{gen.Normal(40000), gen.Normal(0, 3)}
	for n := range 70 { // of all lengths about a vector's, and of more than a part
		many = append(many, gen.Normal(n), gen.Normal(3, 100*n))
	}
	numbers := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v)) }
	exact := func(name string, want float64, in ...*tensor.Tensor) Case {
		return Case{Name: name, In: in, Build: build, Want: []*tensor.Tensor{tensor.Scalar(want)}, NoGrad: true}
	}
	small := typ(dtype.Float32, 3)
	return Table{[]Case{
		{Name: "one", In: []*tensor.Tensor{gen.Normal(3, 4)}, Build: build, Smooth: true},
		{Name: "shapes", In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(), gen.Normal(0, 2), gen.Normal(5)}, Build: build, Smooth: true},
		{Name: "one of them twice", In: []*tensor.Tensor{gen.Normal(3)}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.SumSquares(in[0], in[0]) })},
		{Name: "of what is not written out", In: []*tensor.Tensor{gen.Normal(3)}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value {
				return ops.SumSquares(ops.BroadcastInDim(in[0], shapeOf([]int{2, 3}), 1), ops.OnesLike(in[0]), ops.Transpose(ops.BroadcastInDim(in[0], shapeOf([]int{2, 3}), 1), 1, 0))
			})},
		{Name: "many", In: many, Build: build, NoGrad: true},
		exact("numbers", 30, numbers(1, -2), numbers(3), numbers(), numbers(-4)),
		exact("nothing", 0, numbers()),
		exact("nan", math.NaN(), numbers(1), numbers(math.NaN(), 2)),
		exact("infinite", math.Inf(1), numbers(1, 2), numbers(math.Inf(-1))),
	}, []Mistake{
		{"types", []ir.Type{small, typ(dtype.Float64, 3)}, func(in []*ir.Value) { ops.SumSquares(in...) }, "sum_squares: element types differ"},
		{"integers", []ir.Type{typ(dtype.Int32, 3)}, func(in []*ir.Value) { ops.SumSquares(in...) }, "sum_squares: wants a floating-point type, got i32"},
	}}
}
