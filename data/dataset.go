// Package data turns examples into batches: an order that is a function of
// seed and epoch alone, memory that is reused, work done one step ahead.
//
// A user's own data is any [Dataset]; [Tensors] holds one in memory and a
// [Normalize] scales its images on the way. A [Loader] reads batches:
//
//	loader, err := data.NewLoader(set, data.LoaderConfig{Batch: 64, Shuffle: true, Seed: 1})
//	for b, err := range loader.Epoch(ctx, epoch) {
package data

import (
	"fmt"

	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Dataset is a list of items. Every item is the same number of tensors
// (image and label, say), and each of them has one element type and shape in
// all items; the first axis may vary if a [Padding] says so. An epoch calls the
// methods from one goroutine at a time, unless the loader has several workers:
// then all of them, those of Gatherer and the others included, are called
// concurrently.
type Dataset interface {
	Len() int
	// Item returns item i, 0 <= i < Len(). The caller does not change it.
	Item(i int) ([]*tensor.Tensor, error)
}

// A Gatherer is a Dataset that fills whole batches by itself, faster than
// item by item.
type Gatherer interface {
	Dataset
	// Gather stores items[k] in row k of the tensors of dst, each of shape
	// [len(items) ...], as they are in an epoch: a set whose items are random
	// draws them by it. It keeps neither slice.
	Gather(dst []*tensor.Tensor, items []int, epoch int) error
}

// An Augmented dataset has items that are drawn anew each epoch, by its number
// and the item's alone; see [Draw].
type Augmented interface {
	Dataset
	// ItemAt returns item i as it is in an epoch.
	ItemAt(i, epoch int) ([]*tensor.Tensor, error)
}

// A Measured dataset knows the lengths of its items without making them.
type Measured interface {
	Dataset
	// Length is the extent of the first axis of item i's tensors that vary,
	// the largest if there are several, in every epoch.
	Length(i int) (int, error)
}

// A TensorSet is a Dataset in memory: item i is row i of each of its tensors.
type TensorSet struct {
	columns []*tensor.Tensor
}

// Tensors returns the set whose item i is row i of each tensor, such as
// images [N 1 28 28] and labels [N]. It does not copy.
func Tensors(columns ...*tensor.Tensor) (*TensorSet, error) {
	if len(columns) == 0 {
		return nil, fmt.Errorf("data: a set needs at least one tensor")
	}
	for i, c := range columns {
		if c.Shape().Rank() == 0 {
			return nil, fmt.Errorf("data: tensor %d is a scalar, want rows of items", i)
		}
		if n, want := c.Shape().Dim(0), columns[0].Shape().Dim(0); n != want {
			return nil, fmt.Errorf("data: tensor %d, %v, has %d items, tensor 0, %v, has %d", i, c, n, columns[0], want)
		}
	}
	return &TensorSet{columns}, nil
}

// Len is the number of items.
func (s *TensorSet) Len() int { return s.columns[0].Shape().Dim(0) }

// Item returns row i of each tensor; it shares their memory.
func (s *TensorSet) Item(i int) ([]*tensor.Tensor, error) {
	item := make([]*tensor.Tensor, len(s.columns))
	for c, t := range s.columns {
		row, err := tensor.FromBytes(t.DType(), itemShape(t.Shape()), s.row(c, i))
		if err != nil {
			return nil, err
		}
		item[c] = row
	}
	return item, nil
}

// Gather copies rows.
func (s *TensorSet) Gather(dst []*tensor.Tensor, items []int, epoch int) error {
	for c := range s.columns {
		for k, i := range items {
			copy(rowBytes(dst[c], k), s.row(c, i))
		}
	}
	return nil
}

func (s *TensorSet) row(column, i int) []byte { return rowBytes(s.columns[column], i) }

// rowBytes returns the memory of one row of the first axis.
func rowBytes(t *tensor.Tensor, i int) []byte {
	n := len(t.Bytes()) / t.Shape().Dim(0)
	return t.Bytes()[i*n : (i+1)*n]
}

// itemShape drops the first axis; batchShape puts one before the others.
func itemShape(s shape.Shape) shape.Shape { return s.Tail() }

func batchShape(n int, item shape.Shape) (shape.Shape, error) {
	return shape.Make(append([]int{n}, item.Dims()...)...)
}
