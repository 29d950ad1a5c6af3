package ir_test

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Celsius turns degrees Fahrenheit into degrees Celsius. An op is a comparable
// value with a shape rule; it need not be known to anybody.
type Celsius struct{}

func (Celsius) Name() string { return "celsius" }

func (Celsius) Infer(in []ir.Type) ([]ir.Type, error) {
	if in[0].DType != dtype.Float32 {
		return nil, errors.New("degrees must be float32")
	}
	return in, nil
}

func (Celsius) Eval(in, out []*tensor.Tensor) {
	for i := range in[0].Size() {
		out[0].SetFloat(i, (in[0].Float(i)-32)/1.8)
	}
}

func Example() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: shape.Of(3)})
	y := ir.Apply1(Celsius{}, x)
	g.SetOutputs(y)
	fmt.Println(y.Type())
	fmt.Print(g)
	// Output:
	// f32[3]
	// %0 = input{x}() : f32[3]
	// %1 = celsius(%0) : f32[3]
	// output %1
}

// The first mistake stays in the graph; what comes after it does not panic.
func ExampleGraph_Err() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Int32, Shape: shape.Of(3)})
	ir.Apply1(Celsius{}, ir.Apply1(Celsius{}, x))
	fmt.Println(g.Err())
	// Output: celsius: degrees must be float32: x i32[3]; at (example_test.go:50)
}
