package lstmclassifier_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/lstmclassifier"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNew() {
	m, err := lstmclassifier.New(lstmclassifier.Default(10000, 2))
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := nn.Summarize(m, ir.Type{DType: dtype.Int64, Shape: shape.Of(1, 40)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Params, "parameters give", s.Rows[0].Output.Shape)
	// Output: 1544706 parameters give [1 2]
}
