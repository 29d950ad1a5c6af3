package data

import (
	"sync/atomic"

	"github.com/gradus-ml/gradus/tensor"
)

// Cache returns the dataset that keeps items in memory once they have been
// read, as long as they take at most limitBytes together; the others are read
// anew each time. Items are those of Item: what an [Augmented] dataset draws
// belongs after the cache.
func Cache(ds Dataset, limitBytes int64) Dataset {
	return &cached{ds: ds, limit: limitBytes, items: make([]atomic.Pointer[[]*tensor.Tensor], ds.Len())}
}

type cached struct {
	ds    Dataset
	limit int64
	used  atomic.Int64
	items []atomic.Pointer[[]*tensor.Tensor]
}

func (c *cached) Len() int { return len(c.items) }

func (c *cached) Item(i int) ([]*tensor.Tensor, error) {
	if kept := c.items[i].Load(); kept != nil {
		return *kept, nil
	}
	item, err := c.ds.Item(i)
	if err != nil {
		return nil, err
	}
	size := int64(0)
	for _, t := range item {
		size += int64(len(t.Bytes()))
	}
	if c.used.Add(size) > c.limit {
		c.used.Add(-size)
		return item, nil
	}
	copied := make([]*tensor.Tensor, len(item)) // an item may share memory with much else
	for k, t := range item {
		copied[k] = t.Clone()
	}
	if !c.items[i].CompareAndSwap(nil, &copied) {
		c.used.Add(-size) // someone else has just kept it
	}
	return copied, nil
}

func (c *cached) length(i int, pad *Padding) (int, error) {
	if m, ok := c.ds.(Measured); ok {
		return m.Length(i)
	}
	item, err := c.Item(i) // to keep it
	if err != nil {
		return 0, err
	}
	return pad.Length(item), nil
}
