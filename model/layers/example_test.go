package layers_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/layers"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/shape"
)

func ExampleNew() {
	conv := layers.DefaultConv()
	conv.Out, conv.Kernel, conv.Padding = 8, []int{3}, []int{1}
	cfg := layers.Default()
	cfg.Layers = []layers.Layer{
		layers.Conv2d{Conv: conv},
		layers.ReLU{},
		layers.AdaptiveAvgPool{Out: []int{1}},
		layers.Flatten{Start: 1},
		layers.Linear{Named: layers.Named{Name: "head"}, Bias: true}, // as many values as there are classes
	}
	image := module.Input{Name: "image", Item: ir.Type{DType: dtype.Float32, Shape: shape.Of(3, 32, 32)}}
	cfg, err := cfg.Fit([]module.Input{image}, []module.Output{{Name: "label", Size: 10}})
	if err != nil {
		fmt.Println(err)
		return
	}
	model, err := layers.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	tree, err := module.Walk(model)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range tree.Params {
		fmt.Println(p.Key, p.Type())
	}

	cfg.Layers = cfg.Layers[:2]
	_, err = layers.New(cfg)
	fmt.Println(err)
	// Output:
	// 0.weight f32[8 3 3 3]
	// 0.bias f32[8]
	// head.weight f32[10 8]
	// head.bias f32[10]
	// the last layer gives f32[B 8 32 32], and the target label wants 10 values; a linear layer without out has as many
}
