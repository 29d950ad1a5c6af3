package seq2seq_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/seq2seq"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNew() {
	m, err := seq2seq.New(seq2seq.Base(8000, 6000, 128))
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
