package feature

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Random encoder changes examples of training at random.
type Random interface {
	Encoder
	// Augments reports whether it does, with its settings.
	Augments() bool
}

// A Dataset is a table seen through a Set: item i is the tensors of row i,
// inputs, targets and the weight if there is one. It is a data.Gatherer and data.Augmented, and
// safe for concurrent use.
type Dataset struct {
	table    source.Table
	encoders []Encoder
	columns  [][]int // of each encoder in the table
	training bool
	seed     uint64
	scratch  sync.Pool // of *scratch
}

// scratch is what one goroutine needs to fill a batch without allocating.
type scratch struct {
	*rowReader
	item []*tensor.Tensor // views of one row of a batch
}

// Dataset makes the dataset of a table, which must have the columns. Of a
// training dataset examples are augmented, as seed, epoch and item determine.
// Texts that are packed are read and encoded at once.
func (s *Set) Dataset(table source.Table, seed uint64, training bool) (*Dataset, error) {
	if table.Len() == 0 {
		return nil, errors.New("the split has no rows")
	}
	if e, err := s.packs(); err != nil {
		return nil, err
	} else if e != nil {
		if table, err = e.pack(table); err != nil {
			return nil, err
		}
	}
	d := &Dataset{table: table, training: training, seed: seed}
	var errs []error
	add := func(role string, e Encoder) {
		columns, err := source.Index(table.Columns(), e.Reads()...)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", role, err))
		}
		d.encoders, d.columns = append(d.encoders, e), append(d.columns, columns)
	}
	for _, f := range s.Inputs {
		add("input "+f.Name, f.Encoder)
	}
	for _, f := range s.Targets {
		add("target "+f.Name, f.Encoder)
	}
	if s.Weight != nil {
		add("weight", s.Weight)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	d.scratch.New = func() any {
		s := &scratch{rowReader: newRowReader(d.columns)}
		for range d.encoders {
			s.item = append(s.item, new(tensor.Tensor))
		}
		return s
	}
	return d, nil
}

// Len is the number of rows.
func (d *Dataset) Len() int { return d.table.Len() }

// Where says where item i comes from.
func (d *Dataset) Where(i int) string { return d.table.Where(i) }

// Augments reports whether items differ from epoch to epoch.
func (d *Dataset) Augments() bool {
	for _, e := range d.encoders {
		if r, ok := e.(Random); ok && d.training && r.Augments() {
			return true
		}
	}
	return false
}

// Item makes item i as it is in epoch 0.
func (d *Dataset) Item(i int) ([]*tensor.Tensor, error) { return d.ItemAt(i, 0) }

// ItemAt makes item i as it is in an epoch; tensors that vary have lengths of
// their own.
func (d *Dataset) ItemAt(i, epoch int) ([]*tensor.Tensor, error) {
	s := d.scratch.Get().(*scratch)
	defer d.scratch.Put(s)
	if err := s.read(d.table, i); err != nil {
		return nil, err
	}
	item := make([]*tensor.Tensor, len(d.encoders))
	for c, e := range d.encoders {
		var err error
		if item[c], err = whole(e, s.values[c], d.draw(i, epoch)); err != nil {
			return nil, fmt.Errorf("%s: %w", d.table.Where(i), err)
		}
	}
	return item, nil
}

func (d *Dataset) draw(i, epoch int) data.Draw {
	return data.Draw{Training: d.training, Seed: d.seed, Epoch: epoch, Item: i}
}

// Padding is what a loader needs to know of tensors that vary, or nil if there
// are none: batches are then filled up to their longest item.
func (d *Dataset) Padding() *data.Padding {
	p := &data.Padding{Values: make([]*float64, len(d.encoders))}
	some := false
	for c, e := range d.encoders {
		if v, ok := e.(Varying); ok && v.Varies() {
			value := v.Padding()
			p.Values[c], some = &value, true
		}
	}
	if !some {
		return nil
	}
	return p
}

// Gather makes the items of a batch; tensors that vary are filled up to the
// largest length.
func (d *Dataset) Gather(dst []*tensor.Tensor, items []int, epoch int) error {
	s := d.scratch.Get().(*scratch)
	defer d.scratch.Put(s)
	for k, i := range items {
		for c := range s.item {
			*s.item[c] = dst[c].Row(k)
		}
		if err := d.encode(s, s.item, i, epoch); err != nil {
			return err
		}
	}
	return nil
}

// encode fills the tensors of item i.
func (d *Dataset) encode(s *scratch, item []*tensor.Tensor, i, epoch int) error {
	if err := s.read(d.table, i); err != nil {
		return err
	}
	for c, e := range d.encoders {
		if err := e.Encode(item[c], s.values[c], d.draw(i, epoch)); err != nil {
			return fmt.Errorf("%s: %w", d.table.Where(i), err)
		}
	}
	return nil
}

// Check encodes every row once, so that a label outside the classes or a number
// that is none is known before the first step. What is made of files is not: of
// images it is made sure that they are there, and whole; other files are passed
// over. Mistakes are Problems.
func (d *Dataset) Check(ctx context.Context) error {
	kinds := d.table.Columns()
	var checks []func(values []any) error
	var columns [][]int
	for k, e := range d.encoders {
		var check func(values []any) error
		if !slices.ContainsFunc(d.columns[k], func(c int) bool { return kinds[c].Kind == source.Binary }) {
			item := tensor.New(e.Item())
			check = func(values []any) error { return e.Encode(item, values, data.Draw{}) }
		} else if c, ok := e.(Checker); ok {
			check = c.Check
		} else {
			continue
		}
		checks, columns = append(checks, check), append(columns, d.columns[k])
	}
	r := newRowReader(columns)
	var found finder
	for i := range d.table.Len() {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.read(d.table, i); err != nil {
			found.add("", err) // it names the place
		} else {
			for c, check := range checks {
				if err := check(r.values[c]); err != nil {
					found.add(d.table.Where(i), err)
				}
			}
		}
		if found.full() {
			break
		}
	}
	return found.err()
}

// SizeBytes is the size of all items together.
func (d *Dataset) SizeBytes() int {
	n := 0
	for _, e := range d.encoders {
		dt, s := e.Item()
		n += dt.Size() * s.Size()
	}
	return n * d.Len()
}

// Memory encodes all rows once, with several workers, and keeps the tensors:
// batches are then copies. A dataset whose items differ from epoch to epoch
// can't be kept.
func (d *Dataset) Memory(ctx context.Context, workers int) (*data.TensorSet, error) {
	if d.Augments() {
		return nil, errors.New("examples that are augmented anew in every epoch can't be kept in memory")
	}
	n := d.Len()
	var all []*tensor.Tensor
	for _, e := range d.encoders {
		dt, item := e.Item()
		s, err := shape.Make(append([]int{n}, item.Dims()...)...)
		if err != nil {
			return nil, err
		}
		all = append(all, tensor.New(dt, s))
	}
	const piece = 256 // rows that a worker takes at a time
	var next atomic.Int64
	errs := make([]error, (n+piece-1)/piece)
	var wg sync.WaitGroup
	for range max(workers, 1) {
		wg.Go(func() {
			items := make([]int, 0, piece)
			part := make([]*tensor.Tensor, len(all))
			for ctx.Err() == nil {
				p := int(next.Add(1)) - 1
				lo, hi := p*piece, min((p+1)*piece, n)
				if lo >= n {
					return
				}
				items = items[:0]
				for i := lo; i < hi; i++ {
					items = append(items, i)
				}
				for c := range all {
					part[c] = all[c].Rows(lo, hi)
				}
				if errs[p] = d.Gather(part, items, 0); errs[p] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, err := range errs {
		if err != nil {
			return nil, err // of the first row that has one, or one near it
		}
	}
	return data.Tensors(all...)
}
