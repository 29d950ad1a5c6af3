package unet_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/unet"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNew() {
	m, err := unet.New(unet.Default())
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := nn.Summarize(m, ir.Type{DType: dtype.Float32, Shape: shape.Of(1, 3, 200, 300)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Params, "parameters give", s.Rows[0].Output.Shape)
	// Output: 31037698 parameters give [1 2 200 300]
}
