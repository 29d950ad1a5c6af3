package model_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/shape"
)

// A config without sizes takes those of the data.
func ExampleNew() {
	image := model.Input{Name: "image", Item: ir.Type{DType: dtype.Float32, Shape: shape.Of(1, 28, 28)}}
	n, err := model.New(model.MLP{Hidden: []int{64}}, []model.Input{image}, []model.Output{{Name: "digit", Size: 10}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(n.Type, n.Config.(model.MLP).Sizes)

	_, err = model.New(n.Config, []model.Input{image}, []model.Output{{Name: "letter", Size: 26}})
	fmt.Println(err)
	// Output:
	// mlp [784 64 10]
	// mlp: the last of sizes is 10, and the data have 26; without this key the data decide
}
