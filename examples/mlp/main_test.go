package main

import (
	"context"
	"math"
	"testing"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/tensor"
)

// The first 100 losses from PyTorch's weights, on its batches, are PyTorch's.
func TestLosses(t *testing.T) {
	f := must(safetensors.Open("testdata/losses.safetensors"))
	defer f.Close()
	read := func(name string) *tensor.Tensor { return must(f.Tensor(name)) }

	store, step := newStep()
	defer store.Close()
	for _, key := range store.Model() {
		if err := store.Set(key, read(key)); err != nil {
			t.Fatal(err)
		}
	}
	train, _, err := mnist.Load()
	if err != nil {
		t.Fatal(err)
	}
	pixels := must(data.Normalize{Mean: []float64{0}, Std: []float64{1}}.Apply(train.Images))
	set := must(data.Tensors(pixels, train.Labels))
	const batch = 64
	x, y := pixels.Rows(0, batch).Clone(), train.Labels.Rows(0, batch).Clone()
	order, want := tensor.Data[int32](read("order")), read("losses").F32()
	if len(want) != 100 {
		t.Fatalf("%d losses, want 100", len(want))
	}
	for s, w := range want {
		items := make([]int, batch)
		for i := range items {
			items[i] = int(order[s*batch+i])
		}
		if err := set.Gather([]*tensor.Tensor{x, y}, items, 0); err != nil {
			t.Fatal(err)
		}
		out, err := step.Run(context.Background(), x, y)
		if err != nil {
			t.Fatal(err)
		}
		if got := out[0].Float(0); !(math.Abs(got-float64(w)) <= 1e-4*float64(w)) {
			t.Fatalf("step %d: loss %v, PyTorch has %v", s, got, w)
		}
	}
}
