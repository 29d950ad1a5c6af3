package interp_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func ExampleRun() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float64, Shape: shape.Of(2, 2)})
	g.SetOutputs(ops.Sum(ops.Mul(x, x), 1))
	r, err := interp.Run(g, tensor.Must(tensor.Of([]float64{1, 2, 3, 4}, 2, 2)))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tensor.Data[float64](r.Outputs[0]))
	// Output: [5 25]
}
