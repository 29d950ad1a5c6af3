package grad_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func show(g *ir.Graph, in ...*tensor.Tensor) {
	r, err := interp.Run(g, in...)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, out := range r.Outputs {
		fmt.Println(tensor.Data[float64](out))
	}
}

// The slope of two functions along a direction.
func ExampleJVP() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float64, Shape: shape.Of(2)})
	squares, sum := ops.Square(x), ops.Sum(x)
	along := g.Input(ir.Arg, "along", x.Type())
	g.SetOutputs(grad.JVP([]*ir.Value{squares, sum}, []*ir.Value{x}, []*ir.Value{along})...)
	show(g, tensor.Must(tensor.Of([]float64{3, 5}, 2)), tensor.Must(tensor.Of([]float64{1, 10}, 2)))
	// Output:
	// [6 100]
	// [11]
}

// The gradient of each example's loss, and not only their sum.
func ExamplePerSample() {
	g := ir.NewGraph()
	w := g.Input(ir.Arg, "w", ir.Type{DType: dtype.Float64, Shape: shape.Of(2)})
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float64, Shape: shape.Of(3, 2)})
	losses, grads := grad.PerSample([]*ir.Value{x}, func(example []*ir.Value) *ir.Value {
		return ops.Square(ops.Sum(ops.Mul(example[0], w))) // (x.w)^2
	}, w)
	g.SetOutputs(losses, grads[0]) // 2 (x.w) x
	show(g, tensor.Must(tensor.Of([]float64{1, 2}, 2)), tensor.Must(tensor.Of([]float64{1, 0, 0, 1, 1, 1}, 3, 2)))
	// Output:
	// [1 4 9]
	// [2 0 0 4 6 6]
}

// A straight-through estimator: rounded on the way forward, and on the way back
// as if it were not.
func ExampleCustom() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float64, Shape: shape.Of(2)})
	y := grad.Custom([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value {
		return []*ir.Value{ops.Round(in[0])}
	}, func(in, out, gout []*ir.Value) []*ir.Value {
		return gout
	})[0]
	g.SetOutputs(y, grad.Of(ops.Sum(ops.Square(y)), x)[0])
	show(g, tensor.Must(tensor.Of([]float64{1.75, -3.25}, 2)))
	// Output:
	// [2 -3]
	// [4 -6]
}
