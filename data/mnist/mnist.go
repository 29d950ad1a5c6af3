// Package mnist holds the MNIST database of handwritten digits: 60,000 images
// to train on and 10,000 to test on, 28x28 grey levels each, with labels 0 to
// 9. The files are part of the package; README.md names source and licence.
package mnist

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/idx"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Classes is the number of digits.
const Classes = 10

// Side is the height and width of an image.
const Side = 28

//go:embed files/*.gz
var files embed.FS

// The names of the files; a compressed one ends in ".gz" besides.
const (
	trainImages = "train-images-idx3-ubyte"
	trainLabels = "train-labels-idx1-ubyte"
	testImages  = "t10k-images-idx3-ubyte"
	testLabels  = "t10k-labels-idx1-ubyte"
)

// Normalization returns the mean and deviation of the training images, with
// the four digits that are customary for MNIST.
func Normalization() data.Normalize {
	return data.Normalize{Mean: []float64{0.1307}, Std: []float64{0.3081}}
}

// A Set is images with their labels.
type Set struct {
	Images *tensor.Tensor // uint8 [N 1 28 28], 0 is background
	Labels *tensor.Tensor // int64 [N], 0 to 9
}

// Len is the number of images.
func (s *Set) Len() int { return s.Images.Shape().Dim(0) }

// Dataset returns the items (image float32 [1 28 28], label int64 []), with
// images normalised when they are read.
func (s *Set) Dataset() (data.Dataset, error) {
	set, err := data.Tensors(s.Images, s.Labels)
	if err != nil {
		return nil, err
	}
	return Normalization().Dataset(set, 0)
}

// Float32 returns all images normalised: (x/255 - 0.1307) / 0.3081, float32
// [N 1 28 28].
func (s *Set) Float32() (*tensor.Tensor, error) { return Normalization().Apply(s.Images) }

// Load decodes the files that travel with the program.
func Load() (train, test *Set, err error) { return both(embedded) }

// Train decodes the set to train on alone.
func Train() (*Set, error) { return load(embedded, trainImages, trainLabels) }

// Test decodes the set to test on alone.
func Test() (*Set, error) { return load(embedded, testImages, testLabels) }

// embedded decodes a file that travels with the program.
func embedded(name string) (*tensor.Tensor, error) {
	path := "files/" + name + ".gz"
	f, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	return decode(f, "mnist/"+path)
}

// Dir reads the user's own files from a folder: the four names of MNIST, such
// as train-images-idx3-ubyte, plain or compressed (.gz). Any number of images
// of 28x28 is welcome.
func Dir(dir string) (train, test *Set, err error) {
	if st, err := os.Stat(dir); err != nil {
		return nil, nil, fmt.Errorf("mnist: %w", err)
	} else if !st.IsDir() {
		return nil, nil, fmt.Errorf("mnist: %s is no folder", dir)
	}
	return both(func(name string) (*tensor.Tensor, error) {
		path := filepath.Join(dir, name)
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			path += ".gz"
			f, err = os.Open(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("mnist: %s: want a file %s or %s.gz: %w", dir, name, name, fs.ErrNotExist)
		}
		if err != nil {
			return nil, fmt.Errorf("mnist: %w", err)
		}
		return decode(f, path)
	})
}

func decode(f fs.File, path string) (*tensor.Tensor, error) {
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("mnist: %s: not a regular file", path)
	}
	return idx.Decode(f, st.Size(), path)
}

// both reads the four files at once.
func both(read func(name string) (*tensor.Tensor, error)) (train, test *Set, err error) {
	var wg sync.WaitGroup
	var trainErr, testErr error
	wg.Go(func() { train, trainErr = load(read, trainImages, trainLabels) })
	wg.Go(func() { test, testErr = load(read, testImages, testLabels) })
	wg.Wait()
	if err := errors.Join(trainErr, testErr); err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

// load reads two files at once and checks that they fit.
func load(read func(name string) (*tensor.Tensor, error), imageFile, labelFile string) (*Set, error) {
	s := &Set{}
	var errs [2]error
	var wg sync.WaitGroup
	for i, part := range []struct {
		dst   **tensor.Tensor
		name  string
		adapt func(*tensor.Tensor) (*tensor.Tensor, error)
	}{
		{&s.Images, imageFile, images},
		{&s.Labels, labelFile, labels},
	} {
		wg.Go(func() {
			t, err := read(part.name)
			if err != nil {
				errs[i] = err
				return
			}
			if *part.dst, err = part.adapt(t); err != nil {
				errs[i] = fmt.Errorf("mnist: %s: %w", part.name, err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if n, m := s.Len(), s.Labels.Shape().Dim(0); n != m {
		return nil, fmt.Errorf("mnist: %s holds %d images, %s holds %d labels", imageFile, n, labelFile, m)
	} else if n == 0 {
		return nil, fmt.Errorf("mnist: %s holds no images", imageFile)
	}
	return s, nil
}

// images checks [N 28 28] and adds the channel.
func images(t *tensor.Tensor) (*tensor.Tensor, error) {
	s := t.Shape()
	if t.DType() != dtype.Uint8 || s.Rank() != 3 || s.Dim(1) != Side || s.Dim(2) != Side {
		return nil, fmt.Errorf("holds %v, want images u8[N %d %d]", t, Side, Side)
	}
	return t.Reshape(s.Dim(0), 1, Side, Side) // [N C Y X]
}

// labels checks [N] of 0..9 and widens to int64.
func labels(t *tensor.Tensor) (*tensor.Tensor, error) {
	if t.DType() != dtype.Uint8 || t.Shape().Rank() != 1 {
		return nil, fmt.Errorf("holds %v, want labels u8[N]", t)
	}
	const header = 8 // bytes before the labels
	out := tensor.New(dtype.Int64, shape.Of(t.Size()))
	wide := tensor.Data[int64](out)
	for i, label := range t.Bytes() {
		if label >= Classes {
			return nil, fmt.Errorf("offset %d: label %d, want 0 to %d", header+i, label, Classes-1)
		}
		wide[i] = int64(label)
	}
	return out, nil
}
