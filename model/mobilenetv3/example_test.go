package mobilenetv3_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/mobilenetv3"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNew() {
	m, err := mobilenetv3.New(mobilenetv3.Large())
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := nn.Summarize(m, ir.Type{DType: dtype.Float32, Shape: shape.Of(1, 3, 224, 224)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Params, "parameters give", s.Rows[0].Output.Shape)
	// Output: 5483032 parameters give [1 1000]
}
