package optim_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/optim"
)

type net struct {
	Weight *module.Param
	Bias   *module.Param
}

func params() []module.Named {
	tree, err := module.Walk(&net{module.NewParam(nil, 2, 3), module.NewParam(nil, 2)})
	if err != nil {
		panic(err)
	}
	return tree.Params
}

func ExampleAdamW_Build() {
	cfg := optim.DefaultAdamW()
	cfg.WeightDecay = 0.1
	opt, err := cfg.Build(params())
	fmt.Println(len(opt.Params()), err)

	cfg.Beta1, cfg.Eps = 1, -1
	_, err = cfg.Build(params())
	fmt.Println(err)
	// Output:
	// 2 <nil>
	// optim: group 0: beta1 must be at least 0 and below 1, got 1
	// eps must be a finite number and not negative, got -1
}

// Biases without decay, at twice the rate.
func ExampleBuild() {
	weights, biases := optim.DefaultAdamW(), optim.DefaultAdamW()
	biases.WeightDecay = 0
	ps := params()
	opt, err := optim.Build("optim",
		optim.Group{Rule: weights, Params: ps[:1], LRScale: 1},
		optim.Group{Rule: biases, Params: ps[1:], LRScale: 2})
	fmt.Println(opt.Params()[1].Key, err)
	// Output: bias <nil>
}
