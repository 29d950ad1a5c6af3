package mlp_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/mlp"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNew() {
	m, err := mlp.New(mlp.MNIST())
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := nn.Summarize(m, ir.Type{DType: dtype.Float32, Shape: shape.Of(1, 1, 28, 28)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(s)
	// Output:
	// layer    type    output      parameters  trained  operations
	// ------------------------------------------------------------
	// (model)  Model   f32[1 10]                               128
	//   fc1    Linear  f32[1 128]     100,480  yes         200,832
	//   fc2    Linear  f32[1 10]        1,290  yes           2,570
	// ------------------------------------------------------------
	// total                           101,770              203,530
	// parameters 407.1 kB, trained 101,770, frozen 0; outputs of layers 552 B
}
