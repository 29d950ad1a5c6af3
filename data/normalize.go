package data

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Normalize turns images of bytes into float32:
//
//	y = (x/255 - Mean[c]) / Std[c]
//
// for channel c of an image [C ...]; one mean and one deviation serve all
// channels. Every step is rounded to float32, which gives the bits of
// torchvision's ToTensor followed by Normalize.
type Normalize struct {
	Mean []float64 `json:"mean" yaml:"mean"`
	Std  []float64 `json:"std" yaml:"std"`
}

// Validate reports every mistake in n.
func (n Normalize) Validate() error {
	var errs []error
	if len(n.Mean) == 0 || len(n.Mean) != len(n.Std) {
		errs = append(errs, fmt.Errorf("data: normalize: %d means and %d deviations, want as many of both", len(n.Mean), len(n.Std)))
	}
	for c, m := range n.Mean {
		if math.IsNaN(m) || math.IsInf(m, 0) {
			errs = append(errs, fmt.Errorf("data: normalize: mean %d is %v", c, m))
		}
	}
	for c, s := range n.Std {
		if !(float32(s) > 0) || math.IsInf(s, 0) {
			errs = append(errs, fmt.Errorf("data: normalize: deviation %d is %v, want a positive number", c, s))
		}
	}
	return errors.Join(errs...)
}

// A Lookup holds the result of a Normalize for every byte of every channel; with
// one of them it serves all channels.
type Lookup [][256]float32

// Lookup makes the table for images of a shape [C ...].
func (n Normalize) Lookup(item shape.Shape) (Lookup, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	if c := len(n.Mean); c > 1 && (item.Rank() == 0 || item.Dim(0) != c) {
		return nil, fmt.Errorf("data: normalize: %d means for an image %v, want one a channel", c, item)
	}
	table := make(Lookup, len(n.Mean))
	for c := range table {
		for x := range table[c] {
			y := float32(x) / 255
			y -= float32(n.Mean[c])
			table[c][x] = y / float32(n.Std[c])
		}
	}
	return table, nil
}

// Apply normalises one image: len(dst) = len(src).
func (l Lookup) Apply(dst []float32, src []byte) {
	n := len(src) / len(l)
	for c := range l {
		channel, to := &l[c], dst[c*n:(c+1)*n]
		for i, x := range src[c*n : (c+1)*n] {
			to[i] = channel[x]
		}
	}
}

// Apply returns the normalised copy of images, uint8 [N C ...].
func (n Normalize) Apply(images *tensor.Tensor) (*tensor.Tensor, error) {
	if images.DType() != dtype.Uint8 || images.Shape().Rank() == 0 {
		return nil, fmt.Errorf("data: normalize: images are %v, want u8 [N C ...]", images)
	}
	table, err := n.Lookup(itemShape(images.Shape()))
	if err != nil {
		return nil, err
	}
	out := tensor.New(dtype.Float32, images.Shape())
	for i := range images.Shape().Dim(0) {
		src := rowBytes(images, i)
		table.Apply(out.F32()[i*len(src):(i+1)*len(src)], src)
	}
	return out, nil
}

// Dataset returns the set whose tensor number column is normalised, at the
// time it is read; the bytes stay as they are.
func (n Normalize) Dataset(s *TensorSet, column int) (Dataset, error) {
	if column < 0 || column >= len(s.columns) {
		return nil, fmt.Errorf("data: normalize: tensor %d of a set of %d", column, len(s.columns))
	}
	images := s.columns[column]
	if images.DType() != dtype.Uint8 {
		return nil, fmt.Errorf("data: normalize: images are %v, want u8 [N C ...]", images)
	}
	table, err := n.Lookup(itemShape(images.Shape()))
	if err != nil {
		return nil, err
	}
	return &normalized{s, column, table}, nil
}

// normalized is a TensorSet with one column seen through a lookup.
type normalized struct {
	*TensorSet
	column int
	table  Lookup
}

func (s *normalized) Item(i int) ([]*tensor.Tensor, error) {
	item, err := s.TensorSet.Item(i)
	if err != nil {
		return nil, err
	}
	out := tensor.New(dtype.Float32, item[s.column].Shape())
	s.table.Apply(out.F32(), item[s.column].Bytes())
	item[s.column] = out
	return item, nil
}

func (s *normalized) Gather(dst []*tensor.Tensor, items []int, epoch int) error {
	for c, t := range dst {
		if c == s.column {
			n := t.Size() / len(items)
			for k, i := range items {
				s.table.Apply(t.F32()[k*n:(k+1)*n], s.row(c, i))
			}
			continue
		}
		for k, i := range items {
			copy(rowBytes(t, k), s.row(c, i))
		}
	}
	return nil
}
