package block_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNewSqueezeExcitation() {
	m := nn.NewSequential(
		block.DefaultNorm().ConvNorm(3, 16, 3, 2, 1, &nn.SiLU{}),
		block.NewSqueezeExcitation(16, 4, ops.SiLU, ops.Sigmoid),
	)
	s, err := nn.Summarize(m, ir.Type{DType: dtype.Float32, Shape: shape.Of(1, 3, 32, 32)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Params, "parameters give", s.Rows[0].Output.Shape)
	// Output: 612 parameters give [1 16 16 16]
}

func ExampleDivisible() {
	fmt.Println(block.Divisible(24*1.1, 8), block.Divisible(16*0.6, 8))
	// Output: 24 16
}
