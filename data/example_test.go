package data_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

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

// numbers is the dataset of 0, 1, ..., n-1.
func numbers(n int) data.Dataset {
	x := make([]int64, n)
	for i := range x {
		x[i] = int64(i)
	}
	set, err := data.Tensors(tensor.Must(tensor.Of(x)))
	if err != nil {
		log.Fatal(err)
	}
	return set
}

// show prints the items of a dataset, batch by batch.
func show(l *data.Loader, err error) {
	if err != nil {
		log.Fatal(err)
	}
	for b, err := range l.Epoch(context.Background(), 0) {
		if err != nil {
			log.Fatal(err)
		}
		if b.Index > 0 {
			fmt.Print(" ")
		}
		fmt.Print(tensor.Data[int64](b.Inputs[0]))
	}
	fmt.Println()
}

func ExampleNewSampledLoader() {
	sampler, err := data.Weighted([]float64{1, 0, 4}, 8, 1) // 8 draws of 3 items
	if err != nil {
		log.Fatal(err)
	}
	show(data.NewSampledLoader(numbers(3), sampler, data.LoaderConfig{Batch: 4}))
	// Output: [0 2 2 0] [2 2 2 2]
}

func ExampleBalanced() {
	classes := []int{0, 0, 0, 0, 0, 0, 0, 1} // the last item comes as often as the others together
	sampler, err := data.Balanced(classes, 12, 1)
	if err != nil {
		log.Fatal(err)
	}
	show(data.NewSampledLoader(numbers(8), sampler, data.LoaderConfig{Batch: 12}))
	// Output: [0 7 7 0 4 6 6 7 4 0 7 7]
}

func ExampleFolds() {
	folds, err := data.Folds(6, 3, nil, 1)
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range folds {
		fmt.Println(f.Train, f.Validation)
	}
	// Output:
	// [0 1 3 5] [2 4]
	// [1 2 4 5] [0 3]
	// [0 2 3 4] [1 5]
}

func ExampleParts() {
	parts, err := data.Parts(10, nil, 1, 0.2, 0.2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("train", parts[0], "validation", parts[1], "test", parts[2])
	// Output: train [1 2 5 6 7 8] validation [3 9] test [0 4]
}

func ExampleSubset() {
	set, err := data.Subset(numbers(9), []int{8, 2, 5})
	if err != nil {
		log.Fatal(err)
	}
	show(data.NewLoader(set, data.LoaderConfig{Batch: 2}))
	// Output: [8 2] [5]
}

func ExampleConcat() {
	set, err := data.Concat(numbers(2), numbers(3))
	if err != nil {
		log.Fatal(err)
	}
	show(data.NewLoader(set, data.LoaderConfig{Batch: 5}))
	// Output: [0 1 0 1 2]
}

func ExampleRepeat() {
	set, err := data.Repeat(numbers(2), 3)
	if err != nil {
		log.Fatal(err)
	}
	show(data.NewLoader(set, data.LoaderConfig{Batch: 4}))
	// Output: [0 1 0 1] [0 1]
}

func ExampleZip() {
	set, err := data.Zip(numbers(2), squares{2})
	if err != nil {
		log.Fatal(err)
	}
	item, err := set.Item(1)
	fmt.Println(item, err)
	// Output: [i64[] f32[] f32[]] <nil>
}

// counts is a dataset of texts of several lengths: item i is i ones.
type counts struct{ n int }

func (c counts) Len() int { return c.n }

func (c counts) Item(i int) ([]*tensor.Tensor, error) {
	return []*tensor.Tensor{tensor.Must(tensor.Of(slices.Repeat([]int64{1}, i)))}, nil
}

func ExamplePadding() {
	zero := 0.0
	show(data.NewLoader(counts{4}, data.LoaderConfig{Batch: 2, Pad: &data.Padding{Values: []*float64{&zero}}}))
	show(data.NewLoader(counts{4}, data.LoaderConfig{Batch: 2, Pad: &data.Padding{Values: []*float64{&zero}, Buckets: []int{1, 4}}}))
	// Output:
	// [0 1] [1 1 0 1 1 1]
	// [0 1] [1 1 0 0 1 1 1 0]
}

func ExampleCollator() {
	one, three := tensor.Must(tensor.Of([]int64{1})), tensor.Must(tensor.Of([]int64{3, 3, 3}))
	zero := 0.0
	c, err := data.NewCollator([]*tensor.Tensor{one}, &data.Padding{Values: []*float64{&zero}, Lengths: true})
	if err != nil {
		log.Fatal(err)
	}
	var b data.Batch
	if err := c.Collate(&b, [][]*tensor.Tensor{{one}, {three}}, 0); err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Inputs[0], tensor.Data[int64](b.Inputs[0]), tensor.Data[int64](b.Inputs[1]))
	// Output: i64[2 3] [1 0 0 3 3 3] [1 3]
}

func ExamplePack() {
	zero := []float64{0}
	set, err := data.Pack(counts{5}, data.Packing{Length: 6, Values: zero})
	if err != nil {
		log.Fatal(err)
	}
	for i := range set.Len() {
		row, err := set.Item(i)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(tensor.Data[int64](row[0]), "segments", tensor.Data[int64](row[1]), "positions", tensor.Data[int64](row[2]))
	}
	// Output:
	// [1 1 1 1 0 0] segments [1 2 2 2 0 0] positions [0 0 1 2 0 0]
	// [1 1 1 1 1 1] segments [1 1 2 2 2 2] positions [0 1 0 1 2 3]
}

func ExampleCache() {
	show(data.NewLoader(data.Cache(numbers(5), 1<<20), data.LoaderConfig{Batch: 5}))
	// Output: [0 1 2 3 4]
}

func ExampleCacheFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	set, err := data.CacheFile(context.Background(), squares{4}, filepath.Join(dir, "squares"), "squares up to 3")
	if err != nil {
		log.Fatal(err)
	}
	defer set.Close()
	item, err := set.Item(3)
	fmt.Println(item[0].F32(), item[1].F32(), err)
	// Output: [3] [9] <nil>
}
