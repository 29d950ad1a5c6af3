package mnist_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/mnist"
)

func Example() {
	train, test, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(train.Images, train.Labels, test.Len())

	ds, err := train.Dataset() // images normalised
	if err != nil {
		log.Fatal(err)
	}
	loader, err := data.NewLoader(ds, data.LoaderConfig{Batch: 128, Shuffle: true, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	for b, err := range loader.Epoch(context.Background(), 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.Index, b.N, b.Inputs[0], b.Inputs[1])
		break
	}
	// Output:
	// u8[60000 1 28 28] i64[60000] 10000
	// 0 128 f32[128 1 28 28] i64[128]
}
