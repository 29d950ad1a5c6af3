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

// y = x^3, its slope and the slope of that.
func ExampleOf() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float64, Shape: shape.Of()})
	y := ops.Mul(ops.Mul(x, x), x)
	slope := grad.Of(y, x)[0]
	bend := grad.Of(slope, x)[0]
	g.SetOutputs(y, slope, bend)
	r, err := interp.Run(g, tensor.Scalar(2.0))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, out := range r.Outputs {
		fmt.Println(out.Float(0))
	}
	// Output:
	// 8
	// 12
	// 12
}
