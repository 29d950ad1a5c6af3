package charlstm_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/charlstm"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNew() {
	m, err := charlstm.New(charlstm.ASCII())
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := nn.Summarize(m, ir.Type{DType: dtype.Int64, Shape: shape.Of(1, 10)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(s)
	// Output:
	// layer        type       output         parameters  trained  operations
	// ----------------------------------------------------------------------
	// (model)      Model      f32[1 10 128]
	//   embedding  Embedding  f32[1 10 128]      16,384  yes
	//   lstm       LSTM       f32[1 10 256]     921,600  yes      18,659,328
	//   head       Linear     f32[1 10 128]      32,896  yes         656,640
	// ----------------------------------------------------------------------
	// total                                     970,880           19,315,968
	// parameters 3.9 MB, trained 970,880, frozen 0; outputs of layers 20.5 kB
}
