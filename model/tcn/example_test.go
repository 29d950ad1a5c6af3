package tcn_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/tcn"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNew() {
	cfg := tcn.Default()
	cfg.Vocabulary, cfg.Outputs = 1000, 2
	m, err := tcn.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := nn.Summarize(m, ir.Type{DType: dtype.Int64, Shape: shape.Of(1, 40)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Params, "parameters give", s.Rows[0].Output.Shape, "out of", cfg.Sees(), "steps")
	// Output: 163458 parameters give [1 2] out of 61 steps
}
