package ops_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// Builders take values and give values; types are known at once.
func Example() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: shape.Of(8, 3)})
	w := g.Input(ir.Arg, "w", ir.Type{DType: dtype.Float32, Shape: shape.Of(3, 4)})
	y := ops.Softmax(ops.MatMul(x, w), -1)
	fmt.Println(y.Type(), ops.Sum(y, 0).Type())
	fmt.Println(ops.Add(y, ops.Scalar(y, 1)).Type())
	// Output:
	// f32[8 4] f32[4]
	// f32[8 4]
}

func ExampleMatMul_mistake() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: shape.Of(8, 3)})
	ops.ReLU(ops.MatMul(x, x))
	fmt.Println(g.Err())
	// Output: matmul: inner sizes differ: 3 and 8: x f32[8 3], x f32[8 3]; at (example_test.go:28)
}
