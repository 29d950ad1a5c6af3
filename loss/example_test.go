package loss_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func ExampleCrossEntropy() {
	g := ir.NewGraph()
	logits := g.Input(ir.Arg, "logits", ir.Type{DType: dtype.Float32, Shape: shape.Of(2, 3)})
	labels := g.Input(ir.Arg, "labels", ir.Type{DType: dtype.Int64, Shape: shape.Of(2)})
	smooth := loss.DefaultCrossEntropy()
	smooth.LabelSmoothing = 0.1
	g.SetOutputs(loss.CrossEntropy(logits, labels), smooth.Apply(logits, labels))
	r, err := interp.Run(g, tensor.Must(tensor.Of([]float32{2, 0, 0, 0, 0, 5}, 2, 3)), tensor.Must(tensor.Of([]int64{0, 2})))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f %.4f\n", r.Outputs[0].Float(0), r.Outputs[1].Float(0))
	// Output: 0.1265 0.3598
}
