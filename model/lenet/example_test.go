package lenet_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/model/lenet"
)

func ExampleConfig() {
	cfg := lenet.MNIST()
	cfg.Size = [2]int{12, 12}
	_, err := lenet.New(cfg)
	fmt.Println(err)
	// Output: lenet: size: an image must be at least 16x16, got 12x12
}
