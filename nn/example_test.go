package nn_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

type Net struct {
	Conv *nn.Conv2d
	BN   *nn.BatchNorm2d
	Drop *nn.Dropout
	Head *nn.Linear `param:"classifier"`
}

func (m *Net) Forward(c *nn.Ctx, x *ir.Value) *ir.Value { // [B C Y X]
	defer c.Enter(m)()
	x = ops.ReLU(m.BN.Forward(c, m.Conv.Forward(c, x)))
	x = m.Drop.Forward(c, ops.Mean(x, 2, 3))
	return m.Head.Forward(c, x)
}

func newNet() *Net {
	conv := nn.DefaultConv2d(3, 8, 3)
	conv.Padding, conv.Bias = [2]int{1, 1}, false
	return &Net{Conv: conv.Build(), BN: nn.NewBatchNorm2d(8), Drop: nn.NewDropout(0.1), Head: nn.NewLinear(8, 10)}
}

func Example() {
	tree, err := module.Walk(newNet())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range tree.Params {
		fmt.Println(p.Key, p.Type())
	}
	for _, s := range tree.States {
		fmt.Println(s.Key, s.Type())
	}
	// Output:
	// conv.weight f32[8 3 3 3]
	// bn.weight f32[8]
	// bn.bias f32[8]
	// classifier.weight f32[10 8]
	// classifier.bias f32[10]
	// bn.running_mean f32[8]
	// bn.running_var f32[8]
	// bn.num_batches_tracked i64[]
}

func ExampleSummarize() {
	s, err := nn.Summarize(newNet(), ir.Type{DType: dtype.Float32, Shape: shape.Of(1, 3, 32, 32)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(s)
	// Output:
	// layer         type         output          parameters  trained  operations
	// --------------------------------------------------------------------------
	// (model)       Net          f32[1 10]                                16,392
	//   conv        Conv2d       f32[1 8 32 32]         216  yes         442,368
	//   bn          BatchNorm2d  f32[1 8 32 32]          16  yes          16,432
	//   drop        Dropout      f32[1 8]
	//   classifier  Linear       f32[1 10]               90  yes             170
	// --------------------------------------------------------------------------
	// total                                             322              475,362
	// parameters 1.3 kB, trained 322, frozen 0; other state 17, 72 B; outputs of layers 65.6 kB
}

func ExampleConv2d_Forward_mistake() {
	_, err := nn.Summarize(newNet(), ir.Type{DType: dtype.Float32, Shape: shape.Of(1, 1, 32, 32)})
	fmt.Println(err)
	// Output:
	// conv: the input has 1 channels, the weight wants 3: input f32[1 1 32 32], conv.weight f32[8 3 3 3]; at conv (example_test.go:23)
}
