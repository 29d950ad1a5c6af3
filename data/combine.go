package data

import (
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/gradus-ml/gradus/tensor"
)

// Subset returns the dataset of some items of another, in the given order. One
// may come several times. It keeps the slice.
func Subset(ds Dataset, items []int) (Dataset, error) {
	for k, i := range items {
		if i < 0 || i >= ds.Len() {
			return nil, fmt.Errorf("data: subset: place %d is item %d, the dataset has %d", k, i, ds.Len())
		}
	}
	return &placed{[]Dataset{ds}, len(items), func(i, epoch int) (set, item, at int) { return 0, items[i], epoch }}, nil
}

// Concat returns the dataset of the items of all sets, set after set.
func Concat(sets ...Dataset) (Dataset, error) {
	if len(sets) == 0 {
		return nil, errors.New("data: concat: no datasets")
	}
	begins, n := make([]int, len(sets)), 0
	for k, s := range sets {
		begins[k] = n
		n += s.Len()
	}
	return &placed{sets, n, func(i, epoch int) (set, item, at int) {
		// The last set that begins at or before i: empty ones before it begin there too.
		set = sort.SearchInts(begins, i+1) - 1
		return set, i - begins[set], epoch
	}}, nil
}

// Repeat returns the dataset of a dataset's items, several times over: what is
// random about them is drawn anew each time.
func Repeat(ds Dataset, times int) (Dataset, error) {
	if times < 1 {
		return nil, fmt.Errorf("data: repeat: %d times, want at least 1", times)
	}
	n := ds.Len()
	return &placed{[]Dataset{ds}, n * times, func(i, epoch int) (set, item, at int) {
		return 0, i % n, epoch*times + i/n
	}}, nil
}

// placed is a dataset whose items stand in others.
type placed struct {
	sets []Dataset
	n    int
	find func(i, epoch int) (set, item, at int) // at is the epoch there
}

func (p *placed) Len() int { return p.n }

func (p *placed) Item(i int) ([]*tensor.Tensor, error) {
	set, item, _ := p.find(i, 0)
	return p.sets[set].Item(item)
}

func (p *placed) ItemAt(i, epoch int) ([]*tensor.Tensor, error) {
	set, item, at := p.find(i, epoch)
	return itemAt(p.sets[set], item, at)
}

func (p *placed) length(i int, pad *Padding) (int, error) {
	set, item, _ := p.find(i, 0)
	return length(p.sets[set], item, pad)
}

// Gather asks each set for the rows that stand side by side in it.
func (p *placed) Gather(dst []*tensor.Tensor, items []int, epoch int) error {
	inner := make([]int, len(items))
	rows := make([]*tensor.Tensor, len(dst))
	for lo := 0; lo < len(items); {
		set, item, at := p.find(items[lo], epoch)
		inner[lo] = item
		hi := lo + 1
		for ; hi < len(items); hi++ {
			s, item, a := p.find(items[hi], epoch)
			if s != set || a != at {
				break
			}
			inner[hi] = item
		}
		for c, t := range dst {
			rows[c] = t
			if hi-lo < len(items) {
				rows[c] = t.Rows(lo, hi)
			}
		}
		if err := gather(p.sets[set], rows, inner[lo:hi], at); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// Zip returns the dataset whose item i has the tensors of item i of every set,
// in turn. All sets have the same number of items.
func Zip(sets ...Dataset) (Dataset, error) {
	if len(sets) == 0 {
		return nil, errors.New("data: zip: no datasets")
	}
	z := &zipped{sets: sets}
	for k, s := range sets {
		if s.Len() != sets[0].Len() {
			return nil, fmt.Errorf("data: zip: dataset %d has %d items, dataset 0 has %d", k, s.Len(), sets[0].Len())
		}
		if s.Len() == 0 {
			return nil, errors.New("data: zip: the datasets have no items")
		}
		item, err := s.Item(0)
		if err != nil {
			return nil, fmt.Errorf("data: zip: dataset %d: item 0: %w", k, err)
		}
		z.widths = append(z.widths, len(item))
	}
	return z, nil
}

type zipped struct {
	sets   []Dataset
	widths []int // tensors in an item of each
}

func (z *zipped) Len() int { return z.sets[0].Len() }

func (z *zipped) Item(i int) ([]*tensor.Tensor, error) {
	return z.join(func(s Dataset) ([]*tensor.Tensor, error) { return s.Item(i) })
}

func (z *zipped) ItemAt(i, epoch int) ([]*tensor.Tensor, error) {
	return z.join(func(s Dataset) ([]*tensor.Tensor, error) { return itemAt(s, i, epoch) })
}

func (z *zipped) join(read func(Dataset) ([]*tensor.Tensor, error)) ([]*tensor.Tensor, error) {
	var all []*tensor.Tensor
	for k, s := range z.sets {
		item, err := read(s)
		if err != nil {
			return nil, err
		}
		if len(item) != z.widths[k] {
			return nil, fmt.Errorf("%d tensors of dataset %d, its first item has %d", len(item), k, z.widths[k])
		}
		all = append(all, item...)
	}
	return all, nil
}

func (z *zipped) Gather(dst []*tensor.Tensor, items []int, epoch int) error {
	for k, s := range z.sets {
		if err := gather(s, dst[:z.widths[k]], items, epoch); err != nil {
			return err
		}
		dst = dst[z.widths[k]:]
	}
	return nil
}

func (z *zipped) length(i int, pad *Padding) (int, error) {
	longest := 0
	values := pad.Values
	for k, s := range z.sets {
		own := Padding{Values: values[:min(z.widths[k], len(values))]}
		values = values[len(own.Values):]
		if !slices.ContainsFunc(own.Values, func(v *float64) bool { return v != nil }) {
			continue // Measured or not, its length is not asked for
		}
		n, err := length(s, i, &own)
		if err != nil {
			return 0, err
		}
		longest = max(longest, n)
	}
	return longest, nil
}
