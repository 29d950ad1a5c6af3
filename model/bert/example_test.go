package bert_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/bert"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNew() {
	m, err := bert.New(bert.Base())
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := nn.Summarize(m, ir.Type{DType: dtype.Int64, Shape: shape.Of(1, 128)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("tokens [1 128] give states", s.Rows[0].Output.Shape)
	// Output: tokens [1 128] give states [1 128 768]
}
