package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func digits(t *testing.T, n int) *mnist.Set {
	t.Helper()
	set, err := mnist.Train()
	if err != nil {
		t.Fatal(err)
	}
	return &mnist.Set{Images: set.Images.Rows(0, n), Labels: set.Labels.Rows(0, n)}
}

// ink is the mean of images, and the mean deviation of their pixels.
func ink(images *tensor.Tensor) (mean, deviation float64) {
	n := float64(images.Size())
	for i := range images.Size() {
		mean += images.Float(i) / n
	}
	for i := range images.Size() {
		deviation += math.Abs(images.Float(i)-mean) / n
	}
	return mean, deviation
}

// After little training a variational autoencoder's drawings are as dark as
// digits, and those of the plain one like what it was shown.
func TestAutoencoders(t *testing.T) {
	set := digits(t, 12800)
	for _, name := range []string{"vae", "autoencoder"} {
		drawn, err := run(t.Context(), artists[name](), set, 2, 64)
		if err != nil {
			t.Fatal(err)
		}
		mean, deviation := ink(drawn)
		const wantMean, wantDeviation = -0.738, 0.43 // of MNIST
		if math.Abs(mean-wantMean) > 0.1 || math.Abs(deviation-wantDeviation) > 0.15 {
			t.Errorf("%s: mean %.3f and deviation %.3f, want about %v and %v", name, mean, deviation, wantMean, wantDeviation)
		}
	}
}

// The others learn, and draw images of the right range that are not all alike.
func TestDrawings(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute under the race detector")
	}
	for _, name := range []string{"gan", "diffusion"} {
		drawn, err := run(t.Context(), artists[name](), digits(t, 3*batch), 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		if drawn.Shape() != shape.Of(2, 1, 28, 28) {
			t.Fatalf("%s draws %v", name, drawn)
		}
		apart := 0.0
		for i := range 784 {
			a, b := drawn.Float(i), drawn.Float(784+i)
			if !(math.Abs(a) <= 1.5 && math.Abs(b) <= 1.5) {
				t.Fatalf("%s draws %v", name, a)
			}
			apart += math.Abs(a - b)
		}
		if apart == 0 {
			t.Errorf("%s draws the same twice", name)
		}
	}
}

func TestPicture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "digits.png")
	if err := picture(path, tensor.New(dtype.Float32, shape.Of(6, 1, 28, 28)), 3); err != nil {
		t.Fatal(err)
	}
	if png, err := os.ReadFile(path); err != nil || len(png) < 100 {
		t.Errorf("%d bytes, %v", len(png), err)
	}
}
