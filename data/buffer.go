package data

import (
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// orderPath names the random stream of the order of items. It is part of the
// record of runs and never changes.
const orderPath = "data.order"

// buffers is the memory of one running epoch.
type buffers struct {
	items []int // the order
	slots []*slot
}

// A slot holds one batch: full tensors, and views of them for a short one.
type slot struct {
	batch Batch
	full  []*tensor.Tensor
	short []*tensor.Tensor
}

// take returns the memory of an epoch that ended, or new memory: one slot for
// the caller and one for each batch made ahead.
func (l *Loader) take() (*buffers, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.idle); n > 0 {
		buf := l.idle[n-1]
		l.idle = l.idle[:n-1]
		return buf, nil
	}
	buf := &buffers{items: make([]int, l.n)}
	batch := min(l.cfg.Batch, l.n)
	for range 1 + l.prefetch {
		s := &slot{}
		for _, t := range l.like {
			shape, err := batchShape(batch, t.Shape())
			if err != nil {
				return nil, err
			}
			s.full = append(s.full, tensor.New(t.DType(), shape))
		}
		buf.slots = append(buf.slots, s)
	}
	return buf, nil
}

func (l *Loader) give(buf *buffers) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, buf)
}

// order makes the order of an epoch.
func (b *buffers) order(cfg LoaderConfig, epoch int) {
	for i := range b.items {
		b.items[i] = i
	}
	if cfg.Shuffle {
		s := rng.NewStream(cfg.Seed, orderPath, uint64(epoch))
		s.Shuffle(len(b.items), func(i, j int) { b.items[i], b.items[j] = b.items[j], b.items[i] })
	}
}

// inputs returns tensors of n rows in the slot's memory. Only the last batch
// of an epoch is short, always by as much, so its views are kept.
func (s *slot) inputs(n int) []*tensor.Tensor {
	if len(s.full) == 0 || s.full[0].Shape().Dim(0) == n {
		return s.full
	}
	if s.short == nil {
		for _, t := range s.full {
			s.short = append(s.short, t.Rows(0, n))
		}
	}
	return s.short
}
