package data_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/tensor"
)

func ExampleLoader() {
	x := tensor.Must(tensor.Of([]float32{0, 1, 2, 3, 4}, 5, 1))
	y := tensor.Must(tensor.Of([]int64{0, 1, 0, 1, 0}))
	set, err := data.Tensors(x, y)
	if err != nil {
		log.Fatal(err)
	}
	loader, err := data.NewLoader(set, data.LoaderConfig{Batch: 2})
	if err != nil {
		log.Fatal(err)
	}
	for b, err := range loader.Epoch(context.Background(), 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.Index, b.Inputs[0].F32(), tensor.Data[int64](b.Inputs[1]))
	}
	// Output:
	// 0 [0 1] [0 1]
	// 1 [2 3] [0 1]
	// 2 [4] [0]
}

// squares is a user's own dataset: the number i and its square.
type squares struct{ n int }

func (s squares) Len() int { return s.n }

func (s squares) Item(i int) ([]*tensor.Tensor, error) {
	x := float32(i)
	return []*tensor.Tensor{tensor.Scalar(x), tensor.Scalar(x * x)}, nil
}

func ExampleDataset() {
	loader, err := data.NewLoader(squares{4}, data.LoaderConfig{Batch: 4})
	if err != nil {
		log.Fatal(err)
	}
	for b, err := range loader.Epoch(context.Background(), 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.Inputs[0].F32(), b.Inputs[1].F32())
	}
	// Output: [0 1 2 3] [0 1 4 9]
}

func ExampleNormalize() {
	images := tensor.Must(tensor.Of([]uint8{0, 255}, 1, 1, 1, 2)) // [N C Y X]
	n := data.Normalize{Mean: []float64{0.5}, Std: []float64{0.5}}
	x, err := n.Apply(images)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x, x.F32())
	// Output: f32[1 1 1 2] [-1 1]
}
