package data

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Padding says how tensors whose first axis has a length of its own in each
// item stand in one batch: the shorter are filled up at the end.
type Padding struct {
	Values  []*float64 `json:"values" yaml:"values"`   // what fills each tensor of an item; null, or none, for one whose shape is the same in all items
	Buckets []int      `json:"buckets" yaml:"buckets"` // lengths, ascending: a batch has items of one bucket, filled up to its length; none fills up to the longest of the batch
	Lengths bool       `json:"lengths" yaml:"lengths"` // adds to each batch, for every filled tensor in turn, the items' own lengths, i64 [N]
}

// Validate reports every mistake in p.
func (p *Padding) Validate() error {
	var errs []error
	if !slices.ContainsFunc(p.Values, func(v *float64) bool { return v != nil }) {
		errs = append(errs, config.Under("values", errors.New("none for any tensor")))
	}
	for i, b := range p.Buckets {
		if b < 1 || i > 0 && b <= p.Buckets[i-1] {
			errs = append(errs, config.Under("buckets", fmt.Errorf("%v, want ascending lengths of at least 1", p.Buckets)))
			break
		}
	}
	return errors.Join(errs...)
}

// pads tells whether tensor c of an item varies.
func (p *Padding) pads(c int) bool { return p != nil && c < len(p.Values) && p.Values[c] != nil }

// Bucket is the number of the bucket that an item of a length belongs to.
func (p *Padding) Bucket(length int) (int, error) {
	b, _ := slices.BinarySearch(p.Buckets, length)
	if b == len(p.Buckets) {
		return 0, fmt.Errorf("length %d, the largest bucket is %d", length, p.Buckets[b-1])
	}
	return b, nil
}

// Length is that of an item: the largest extent of the axes that vary.
func (p *Padding) Length(item []*tensor.Tensor) int {
	n := 0
	for c, t := range item {
		if p.pads(c) && t.Shape().Rank() > 0 {
			n = max(n, t.Shape().Dim(0))
		}
	}
	return n
}

// A Collator puts items side by side. It may be used concurrently, on
// different batches.
type Collator struct {
	pad  *Padding
	like []kind
}

// A kind is what one tensor is in all items.
type kind struct {
	dt   dtype.DType
	item shape.Shape // of the first item
	row  shape.Shape // of a batch of one
	fill []byte      // one element of padding; nil for a shape that does not vary
}

// NewCollator learns types and shapes from one item. A nil pad asks for equal
// shapes.
func NewCollator(item []*tensor.Tensor, pad *Padding) (*Collator, error) {
	c := &Collator{pad: pad}
	if pad != nil {
		if err := pad.Validate(); err != nil {
			return nil, fmt.Errorf("data: pad: %w", err)
		}
		if len(pad.Values) > len(item) {
			return nil, fmt.Errorf("data: pad: %d values for items of %d tensors", len(pad.Values), len(item))
		}
	}
	for i, t := range item {
		row, err := batchShape(1, t.Shape())
		if err != nil {
			return nil, err
		}
		k := kind{dt: t.DType(), item: t.Shape(), row: row}
		if pad.pads(i) {
			if t.Shape().Rank() == 0 {
				return nil, fmt.Errorf("data: pad: tensor %d is a scalar, it has no length", i)
			}
			one := tensor.New(t.DType(), shape.Of(1))
			one.SetFloat(0, *pad.Values[i])
			if !t.DType().IsFloat() && one.Float(0) != *pad.Values[i] {
				return nil, fmt.Errorf("data: pad: tensor %d of type %v can't hold %v", i, t.DType(), *pad.Values[i])
			}
			k.fill = one.Bytes()
		}
		c.like = append(c.like, k)
	}
	return c, nil
}

// Collate makes b.Inputs of items, in memory that b keeps for the next time;
// b.Items, if any, names them in errors. Tensors that vary get a length, or
// with 0 that of the longest.
func (c *Collator) Collate(b *Batch, items [][]*tensor.Tensor, length int) error {
	for k, item := range items {
		if err := c.check(b.name(k), item); err != nil {
			return err
		}
	}
	c.start(b, len(items))
	for i, k := range c.like {
		s := k.row.With(0, len(items))
		if k.fill != nil {
			n := length
			if n == 0 {
				for _, item := range items {
					n = max(n, item[i].Shape().Dim(0))
				}
			}
			s = s.With(1, n)
		}
		t := b.memory[i].view(k.dt, s)
		for r, item := range items {
			row, src := rowBytes(t, r), item[i].Bytes()
			if len(src) > len(row) {
				return fmt.Errorf("data: item %d: tensor %d is %v, a batch has room for %v", b.name(r), i, item[i], itemShape(s))
			}
			fill(row[copy(row, src):], k.fill)
		}
		b.Inputs[i] = t
	}
	if c.pad == nil || !c.pad.Lengths {
		return nil
	}
	at := len(c.like)
	for i, k := range c.like {
		if k.fill == nil {
			continue
		}
		t := b.memory[at].view(dtype.Int64, shape.Of(len(items)))
		for r, item := range items {
			tensor.Data[int64](t)[r] = int64(item[i].Shape().Dim(0))
		}
		b.Inputs[at] = t
		at++
	}
	return nil
}

// start makes b ready for n items.
func (c *Collator) start(b *Batch, n int) {
	b.N = n
	if b.memory != nil {
		return
	}
	count := len(c.like)
	if c.pad != nil && c.pad.Lengths {
		for _, k := range c.like {
			if k.fill != nil {
				count++
			}
		}
	}
	b.memory = make([]column, count)
	b.Inputs = make([]*tensor.Tensor, count)
}

// room sets b.Inputs to tensors of n rows whose values are to be written.
func (c *Collator) room(b *Batch, n int) {
	c.start(b, n)
	for i, k := range c.like {
		b.Inputs[i] = b.memory[i].view(k.dt, k.row.With(0, n))
	}
}

// check compares an item with the first.
func (c *Collator) check(number int, item []*tensor.Tensor) error {
	if len(item) != len(c.like) {
		return fmt.Errorf("data: item %d has %d tensors, the first has %d", number, len(item), len(c.like))
	}
	for i, t := range item {
		k := &c.like[i]
		s := t.Shape()
		if k.fill != nil && s.Rank() > 0 {
			s = s.With(0, k.item.Dim(0))
		}
		if t.DType() == k.dt && s == k.item {
			continue
		}
		hint := ""
		if k.fill == nil && t.DType() == k.dt && s.Rank() == k.item.Rank() && s.Rank() > 0 && s.With(0, k.item.Dim(0)) == k.item {
			hint = "; give a padding for items of different lengths"
		}
		return fmt.Errorf("data: item %d: tensor %d is %v, in the first item it is %v%v%s", number, i, t, k.dt, k.item, hint)
	}
	return nil
}

// A column holds memory for one tensor of a batch, as large as was ever
// needed, and the views of it.
type column struct {
	mem   []byte
	views map[shape.Shape]*tensor.Tensor
}

// maxViews bounds what is kept of views: lengths may be many.
const maxViews = 256

func (c *column) view(dt dtype.DType, s shape.Shape) *tensor.Tensor {
	if t := c.views[s]; t != nil && t.DType() == dt {
		return t
	}
	need := s.Size() * dt.Size()
	if c.views == nil || need > len(c.mem) || len(c.views) == maxViews {
		c.views = map[shape.Shape]*tensor.Tensor{}
	}
	if need > len(c.mem) {
		c.mem = tensor.New(dt, s).Bytes()
	}
	t, err := tensor.FromBytes(dt, s, c.mem[:need])
	if err != nil {
		panic("data: internal error: " + err.Error())
	}
	c.views[s] = t
	return t
}

// fill repeats one element over dst.
func fill(dst, element []byte) {
	for n := copy(dst, element); n > 0 && n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}
