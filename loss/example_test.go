package loss_test

import (
	"fmt"
	"strings"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/tensor"
)

// numbers is a matrix of rows that are equally long.
func numbers(rows ...[]float32) *tensor.Tensor {
	var all []float32
	for _, r := range rows {
		all = append(all, r...)
	}
	return tensor.Must(tensor.Of(all, len(rows), len(all)/len(rows)))
}

// show builds losses of arguments, and prints their values.
func show(build func(in []*ir.Value) []*ir.Value, args ...*tensor.Tensor) {
	g := ir.NewGraph()
	in := make([]*ir.Value, len(args))
	for i, x := range args {
		in[i] = g.Input(ir.Arg, fmt.Sprintf("argument %d", i), ir.Type{DType: x.DType(), Shape: x.Shape()})
	}
	g.SetOutputs(build(in)...)
	r, err := interp.Run(g, args...)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, y := range r.Outputs {
		var values []string
		for i := range y.Size() {
			values = append(values, fmt.Sprintf("%.4f", y.Float(i)))
		}
		fmt.Println(strings.Join(values, " "))
	}
}

func ExampleCrossEntropy() {
	smooth := loss.DefaultCrossEntropy()
	smooth.LabelSmoothing = 0.1
	show(func(in []*ir.Value) []*ir.Value {
		return []*ir.Value{loss.CrossEntropy(in[0], in[1]), smooth.Apply(in[0], in[1])}
	}, numbers([]float32{2, 0, 0}, []float32{0, 0, 5}), tensor.Must(tensor.Of([]int64{0, 2})))
	// Output:
	// 0.1265
	// 0.3598
}

func ExampleHuber() {
	each := loss.HuberConfig{Delta: 0.5, Reduction: loss.None}
	show(func(in []*ir.Value) []*ir.Value {
		return []*ir.Value{loss.Huber(in[0], in[1]), each.Apply(in[0], in[1])}
	}, numbers([]float32{0.25, 1, 3}), numbers([]float32{0, 0, 0}))
	// Output:
	// 1.0104
	// 0.0312 0.3750 1.3750
}

func ExampleGaussianNLL() {
	show(func(in []*ir.Value) []*ir.Value {
		mean, variance, target := in[0], in[1], in[2]
		return []*ir.Value{loss.GaussianNLL(mean, variance, target)}
	}, numbers([]float32{1, 2}), numbers([]float32{1, 4}), numbers([]float32{1, 4}))
	// Output:
	// 0.5966
}

func ExampleTripletMargin() {
	show(func(in []*ir.Value) []*ir.Value {
		anchor, positive, negative := in[0], in[1], in[2]
		return []*ir.Value{loss.TripletMargin(anchor, positive, negative)}
	}, numbers([]float32{0, 0}), numbers([]float32{0, 1}), numbers([]float32{1.5, 0}))
	// Output:
	// 0.5000
}

func ExampleTripletMarginWithDistance() {
	show(func(in []*ir.Value) []*ir.Value {
		return []*ir.Value{loss.TripletMarginWithDistance(loss.Manhattan.Between, in[0], in[1], in[2])}
	}, numbers([]float32{0, 0}), numbers([]float32{1, 1}), numbers([]float32{1, 1.5}))
	// Output:
	// 0.5000
}
