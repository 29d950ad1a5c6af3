package mnist

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func TestChecksums(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{trainImages, trainLabels, testImages, testLabels} {
		b, err := files.ReadFile("files/" + name + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		row := "| " + name + ".gz | " + hex.EncodeToString(sum[:]) + " |"
		if !strings.Contains(string(readme), row) {
			t.Errorf("README.md lacks the row %s", row)
		}
	}
}

// loaded is what Load gives, decoded once for all tests.
var loaded = sync.OnceValues(func() (sets [2]*Set, err error) {
	sets[0], sets[1], err = Load()
	return sets, err
})

func TestLoad(t *testing.T) {
	sets, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	train, test := sets[0], sets[1]
	// The numbers of each digit are those of the published database.
	for _, c := range []struct {
		set  *Set
		n    int
		want [Classes]int
	}{
		{train, 60000, [Classes]int{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}},
		{test, 10000, [Classes]int{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}},
	} {
		if got, want := c.set.Images.Shape(), shape.Of(c.n, 1, Side, Side); got != want || c.set.Images.DType() != dtype.Uint8 {
			t.Errorf("images %v, want u8%v", c.set.Images, want)
		}
		if got := c.set.Labels.Shape(); got != shape.Of(c.n) || c.set.Len() != c.n {
			t.Errorf("labels %v, want [%d]", got, c.n)
		}
		var count [Classes]int
		for _, l := range tensor.Data[int64](c.set.Labels) {
			count[l]++
		}
		if count != c.want {
			t.Errorf("digits %v, want %v", count, c.want)
		}
	}
	if got := tensor.Data[int64](train.Labels)[:8]; !slices.Equal(got, []int64{5, 0, 4, 1, 9, 2, 1, 3}) {
		t.Errorf("first labels %v", got)
	}
}

// The constants are the mean and the deviation of the training images, so
// normalised they have mean 0 and deviation 1 within the constants' rounding.
func TestNormalized(t *testing.T) {
	if testing.Short() {
		t.Skip("47 million numbers are slow under the race detector")
	}
	sets, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	train := sets[0]
	x, err := train.Float32()
	if err != nil {
		t.Fatal(err)
	}
	var sum, squares float64
	for _, v := range x.F32() {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	mean := sum / float64(x.Size())
	dev := math.Sqrt(squares/float64(x.Size()) - mean*mean)
	if math.Abs(mean) > 0.5e-4/0.3081 || math.Abs(dev-1) > 0.5e-4/0.3081 {
		t.Errorf("mean %v, deviation %v; want 0 and 1", mean, dev)
	}
	ds, err := train.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 59999} {
		item, err := ds.Item(i)
		if err != nil {
			t.Fatal(err)
		}
		if item[0].Shape() != shape.Of(1, Side, Side) || !slices.Equal(item[0].F32(), x.F32()[i*Side*Side:(i+1)*Side*Side]) {
			t.Errorf("item %d differs from Float32", i)
		}
		if item[1].Shape().Rank() != 0 || tensor.Data[int64](item[1])[0] != tensor.Data[int64](train.Labels)[i] {
			t.Errorf("label of item %d: %v", i, item[1])
		}
	}
}

// writeDir writes a small set of files: n images, labels as given.
func writeDir(t *testing.T, n byte, labels []byte) string {
	dir := t.TempDir()
	images := append([]byte{0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 28, 0, 0, 0, 28}, make([]byte, int(n)*28*28)...)
	lab := append([]byte{0, 0, 8, 1, 0, 0, 0, byte(len(labels))}, labels...)
	for name, b := range map[string][]byte{trainImages: images, testImages: images, trainLabels: lab, testLabels: lab} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDir(t *testing.T) {
	dir := writeDir(t, 3, []byte{7, 0, 9})
	train, test, err := Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 3 || test.Len() != 3 || !slices.Equal(tensor.Data[int64](train.Labels), []int64{7, 0, 9}) {
		t.Errorf("train %v, labels %v", train.Images, tensor.Data[int64](train.Labels))
	}
	// One compressed file among plain ones.
	b, err := files.ReadFile("files/" + testLabels + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, testLabels)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, testLabels+".gz"), b, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Dir(dir); err == nil || !strings.Contains(err.Error(), "3 images, t10k-labels-idx1-ubyte holds 10000 labels") {
		t.Errorf("error %v", err)
	}
}

func TestDirErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(dir string) error
		want   string
	}{
		{"missing", func(dir string) error { return os.Remove(filepath.Join(dir, trainLabels)) },
			"want a file train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz"},
		{"truncated", func(dir string) error { return os.Truncate(filepath.Join(dir, trainImages), 1000) },
			"offset 16: 2352 bytes wanted for u8[3 28 28], the file has 984"},
		{"swapped", func(dir string) error {
			return os.Rename(filepath.Join(dir, trainLabels), filepath.Join(dir, trainImages))
		}, "train-images-idx3-ubyte: holds u8[3], want images u8[N 28 28]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := writeDir(t, 3, []byte{1, 2, 3})
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			if _, _, err := Dir(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
	if _, _, err := Dir(writeDir(t, 2, []byte{1, 10})); err == nil || !strings.Contains(err.Error(), "offset 9: label 10, want 0 to 9") {
		t.Errorf("error %v", err)
	}
	if _, _, err := Dir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, _, err := Load(); err != nil {
			b.Fatal(err)
		}
	}
}
