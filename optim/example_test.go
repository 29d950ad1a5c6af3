package optim_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/tensor"
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

// A head learns by AdamW, the rest by gradient descent at a tenth of the rate.
func ExampleGroups() {
	head, body := optim.DefaultAdamW(), optim.DefaultSGD()
	head.LR, body.LR = 0.01, 0.001
	groups, err := optim.Groups(params(), []optim.Part{{Config: head, Keys: []string{"bias"}}, {Config: body}}, optim.Training{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, g := range groups {
		fmt.Printf("%T %v %s\n", g.Rule, g.LRScale, g.Params[0].Key)
	}
	opt, err := optim.Build("optim", groups...)
	fmt.Println(len(opt.Params()), err)
	// Output:
	// optim.AdamW 1 bias
	// optim.SGD 0.1 weight
	// 2 <nil>
}

// The loss (x-3)^2 + 2(y+1)^2.
func ExampleSearch_Step() {
	x := tensor.Must(tensor.Of([]float64{0, 0}))
	cfg := optim.DefaultLBFGS()
	cfg.LineSearch = optim.StrongWolfe
	search, err := cfg.Build([]*tensor.Tensor{x})
	if err != nil {
		fmt.Println(err)
		return
	}
	loss, err := search.Step(func() (float64, []*tensor.Tensor, error) {
		a, b := x.Float(0)-3, x.Float(1)+1
		return a*a + 2*b*b, []*tensor.Tensor{tensor.Must(tensor.Of([]float64{2 * a, 4 * b}))}, nil
	})
	fmt.Printf("from a loss of %v to (%.3f, %.3f) %v\n", loss, x.Float(0), x.Float(1), err)
	// Output: from a loss of 11 to (3.000, -1.000) <nil>
}
