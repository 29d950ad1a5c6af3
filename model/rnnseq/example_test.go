package rnnseq_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/rnnseq"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNew() {
	m, err := rnnseq.New(rnnseq.Default(8000, 6000))
	if err != nil {
		fmt.Println(err)
		return
	}
	source, target := ir.Type{DType: dtype.Int64, Shape: shape.Of(1, 20)}, ir.Type{DType: dtype.Int64, Shape: shape.Of(1, 12)}
	s, err := nn.Summarize(m, source, target)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Rows[0].Output.Shape)
	// Output: [1 12 6000]
}
