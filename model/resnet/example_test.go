package resnet_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/model/resnet"
	"github.com/gradus-ml/gradus/module"
)

func ExampleNew() {
	m, err := resnet.New(resnet.ResNet20())
	if err != nil {
		fmt.Println(err)
		return
	}
	tree, err := module.Walk(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	n := 0
	for _, p := range tree.Params {
		n += p.Shape.Size()
	}
	fmt.Println(n, "parameters, the first is", tree.Params[0].Key)
	// Output: 272474 parameters, the first is conv1.weight
}
