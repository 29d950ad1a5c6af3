package data

import (
	"fmt"

	"github.com/gradus-ml/gradus/tensor"
)

// itemAt reads an item of any dataset.
func itemAt(ds Dataset, i, epoch int) ([]*tensor.Tensor, error) {
	if a, ok := ds.(Augmented); ok {
		return a.ItemAt(i, epoch)
	}
	return ds.Item(i)
}

// gather fills a batch from any dataset.
func gather(ds Dataset, dst []*tensor.Tensor, items []int, epoch int) error {
	if g, ok := ds.(Gatherer); ok {
		return g.Gather(dst, items, epoch)
	}
	for k, i := range items {
		item, err := itemAt(ds, i, epoch)
		if err != nil {
			return fmt.Errorf("data: item %d: %w", i, err)
		}
		if err := put(dst, k, item); err != nil {
			return fmt.Errorf("data: item %d: %w", i, err)
		}
	}
	return nil
}

// put stores an item in a row of a batch.
func put(dst []*tensor.Tensor, row int, item []*tensor.Tensor) error {
	if len(item) != len(dst) {
		return fmt.Errorf("%d tensors, the first item has %d", len(item), len(dst))
	}
	for c, t := range item {
		if want := itemShape(dst[c].Shape()); t.DType() != dst[c].DType() || t.Shape() != want {
			return fmt.Errorf("tensor %d is %v, in the first item it is %v%v", c, t, dst[c].DType(), want)
		}
		copy(rowBytes(dst[c], row), t.Bytes())
	}
	return nil
}

// length returns the length of an item of any dataset, of which the first
// axis of some tensors varies.
func length(ds Dataset, i int, pad *Padding) (int, error) {
	switch ds := ds.(type) {
	case Measured:
		return ds.Length(i)
	case interface {
		length(i int, pad *Padding) (int, error)
	}: // made of others
		return ds.length(i, pad)
	}
	item, err := ds.Item(i)
	if err != nil {
		return 0, err
	}
	return pad.Length(item), nil
}

// safely calls read and names item i in what goes wrong, a panic included.
func safely(i int, read func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = NewPanicError(fmt.Sprintf("data: item %d", i), v)
		}
	}()
	if err := read(); err != nil {
		return fmt.Errorf("data: item %d: %w", i, err)
	}
	return nil
}

// safeItem is itemAt with errors that name the item, and without panics.
func safeItem(ds Dataset, i, epoch int) (item []*tensor.Tensor, err error) {
	err = safely(i, func() error {
		item, err = itemAt(ds, i, epoch)
		return err
	})
	return item, err
}

// safeLength does the same for length.
func safeLength(ds Dataset, i int, pad *Padding) (n int, err error) {
	err = safely(i, func() error {
		n, err = length(ds, i, pad)
		return err
	})
	return n, err
}

// safeGather does the same for Gather. To name the item of a panic it gathers
// one after another once more.
func safeGather(g Gatherer, dst []*tensor.Tensor, items []int, epoch int) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		err = NewPanicError(fmt.Sprintf("data: a batch of items %v", items), v)
		row := make([]*tensor.Tensor, len(dst))
		for k := range items {
			for c, t := range dst {
				row[c] = t.Rows(k, k+1)
			}
			one := safely(items[k], func() error { return g.Gather(row, items[k:k+1], epoch) })
			if p, ok := one.(*PanicError); ok {
				err = p
				return
			}
		}
	}()
	return g.Gather(dst, items, epoch)
}
