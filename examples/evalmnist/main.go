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
	r, err := recipe.Read("mnist")
	if err != nil {
		return train.Score{}, err
	}
	x, err := r.Open(ctx, nil) // the images are in the program: no file is opened
	if err != nil {
		return train.Score{}, err
	}
	defer x.Close()
	if err := train.LoadModel(weights, x.Trainer.Store); err != nil {
		return train.Score{}, err
	}
	return x.Trainer.Score(ctx, "test", x.Trainer.Test)
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
