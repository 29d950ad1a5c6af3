package module_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/module"
)

type scale struct{ Weight *module.Param }

func ExampleMatchAll() {
	keys := []string{"stem.weight", "blocks.0.weight", "blocks.0.bias", "head.weight"}
	first, err := module.MatchAll([]string{"*.bias", "blocks.*"}, keys)
	fmt.Println(first, err)
	_, err = module.MatchAll([]string{"blocks"}, keys)
	fmt.Println(err)
	// Output:
	// [-1 1 0 -1] <nil>
	// "blocks" fits no key; near it are blocks.*
}

// The path of a field is the key of its parameter.
func ExampleWalk() {
	model := &struct {
		Stem   scale
		Blocks []*scale
		Head   *scale `param:"classifier"`
	}{
		scale{module.NewParam(nil, 3)},
		[]*scale{{module.NewParam(nil, 4)}, {module.NewParam(nil, 5)}},
		&scale{module.NewParam(nil, 6)},
	}
	tree, err := module.Walk(model)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range tree.Params {
		fmt.Println(p.Key, p.Type())
	}
	// Output:
	// stem.weight f32[3]
	// blocks.0.weight f32[4]
	// blocks.1.weight f32[5]
	// classifier.weight f32[6]
}
