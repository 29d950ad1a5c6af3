// Command evalmnist scores the network of "gradus train mnist" on the 10,000
// test images of MNIST, with weights from a safetensors file: those of a run
// folder, or those that PyTorch wrote for the same network.
//
//	go run ./examples/evalmnist runs/mnist/model/model.safetensors
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/train"
)

func evaluate(ctx context.Context, weights string) (train.Score, error) {
	t, err := recipe.DefaultMNIST(recipe.ThisMachine()).Trainer()
	if err != nil {
		return train.Score{}, err
	}
	defer t.Store.Close()
	if err := train.LoadModel(weights, t.Store); err != nil {
		return train.Score{}, err
	}
	return t.Score(ctx, "test", t.Validation)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: evalmnist WEIGHTS.safetensors")
		os.Exit(2)
	}
	s, err := evaluate(context.Background(), os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	right := int(s.Value("accuracy")*float64(s.Samples) + 0.5)
	fmt.Printf("test: %d of %d right, accuracy %.4f, loss %.6f\n", right, s.Samples, s.Value("accuracy"), s.Loss)
}
