package data

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/gradus-ml/gradus/tensor"
)

// A LoaderConfig says how items become batches. It is part of the record of
// an experiment: with the dataset it determines every batch.
type LoaderConfig struct {
	Batch    int    `json:"batch" yaml:"batch"`         // items in a batch
	Shuffle  bool   `json:"shuffle" yaml:"shuffle"`     // a new random order each epoch
	Seed     uint64 `json:"seed" yaml:"seed"`           // of the order
	DropLast bool   `json:"drop_last" yaml:"drop_last"` // leave out a last batch that is not full
}

// Validate reports every mistake in c.
func (c LoaderConfig) Validate() error {
	if c.Batch < 1 {
		return fmt.Errorf("data: batch size %d, want at least 1", c.Batch)
	}
	return nil
}

// A Batch is N items side by side.
type Batch struct {
	Inputs []*tensor.Tensor // each [N ...]
	Items  []int            // which item each row is
	Epoch  int
	Index  int // number of the batch in its epoch, from 0
	N      int
}

// A Loader reads a dataset in batches. Epochs may run concurrently if the
// dataset allows it.
type Loader struct {
	ds       Dataset
	n        int // items
	cfg      LoaderConfig
	prefetch int
	like     []*tensor.Tensor // one item, for types and shapes

	mu   sync.Mutex
	idle []*buffers // of epochs that ended
}

// An Option changes how a Loader works, not what it yields.
type Option func(*Loader)

// WithPrefetch sets how many batches are made ready ahead of the caller by a
// goroutine; with 0 the caller makes each when it asks. The default is 2.
func WithPrefetch(n int) Option { return func(l *Loader) { l.prefetch = n } }

// NewLoader reads the first item, to learn types and shapes.
func NewLoader(ds Dataset, cfg LoaderConfig, options ...Option) (*Loader, error) {
	l := &Loader{ds: ds, n: ds.Len(), cfg: cfg, prefetch: 2}
	for _, o := range options {
		o(l)
	}
	err := cfg.Validate()
	if l.prefetch < 0 {
		err = errors.Join(err, fmt.Errorf("data: prefetch of %d batches, want at least 0", l.prefetch))
	}
	if err != nil {
		return nil, err
	}
	if l.n == 0 {
		return nil, errors.New("data: the dataset has no items")
	}
	if l.Len() == 0 {
		return nil, fmt.Errorf("data: %d items give no full batch of %d, and the last one is to be dropped", l.n, cfg.Batch)
	}
	if l.like, err = ds.Item(0); err != nil {
		return nil, fmt.Errorf("data: item 0: %w", err)
	}
	return l, nil
}

// Batches is Len, which is known before reading: a Loader is a [Feed].
func (l *Loader) Batches() (n int, ok bool) { return l.Len(), true }

// Len is the number of batches in an epoch.
func (l *Loader) Len() int {
	n := l.n
	if !l.cfg.DropLast {
		n += l.cfg.Batch - 1
	}
	return n / l.cfg.Batch
}

// Epoch yields the batches of an epoch. The order is a function of seed and
// epoch alone. A batch and its tensors are valid until the next one is asked
// for. The first error, the context's included, is yielded last and alone.
// When the loop ends, early or not, nothing of it keeps running.
func (l *Loader) Epoch(ctx context.Context, epoch int) iter.Seq2[*Batch, error] {
	return l.From(ctx, epoch, 0)
}

// From yields what Epoch yields from batch number index on: a run that stopped
// at (epoch, index) goes on there.
func (l *Loader) From(ctx context.Context, epoch, index int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if epoch < 0 || index < 0 || index > l.Len() {
			yield(nil, fmt.Errorf("data: batch %d of epoch %d, an epoch has %d", index, epoch, l.Len()))
			return
		}
		buf, err := l.take()
		if err != nil {
			yield(nil, err)
			return
		}
		defer l.give(buf)
		buf.order(l.cfg, epoch)
		if l.prefetch == 0 {
			l.here(ctx, buf, epoch, index, yield)
		} else {
			l.ahead(ctx, buf, epoch, index, yield)
		}
	}
}

// here makes each batch when it is asked for.
func (l *Loader) here(ctx context.Context, buf *buffers, epoch, index int, yield func(*Batch, error) bool) {
	for ; index < l.Len(); index++ {
		err := ctx.Err()
		if err == nil {
			err = l.fill(buf, buf.slots[0], epoch, index)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		if !yield(&buf.slots[0].batch, nil) {
			return
		}
	}
}

// ahead lets a goroutine make batches while the caller works. Slots go round:
// free, filled, ready, with the caller, free.
func (l *Loader) ahead(ctx context.Context, buf *buffers, epoch, index int, yield func(*Batch, error) bool) {
	free := make(chan *slot, len(buf.slots))
	for _, s := range buf.slots {
		free <- s
	}
	ready := make(chan *slot, len(buf.slots))
	stop := make(chan struct{})
	var failed error // written before ready is closed
	go func() {
		defer close(ready)
		for ; index < l.Len(); index++ {
			select {
			case s := <-free:
				if failed = l.fill(buf, s, epoch, index); failed != nil {
					return
				}
				ready <- s
			case <-stop:
				return
			}
		}
	}()
	defer func() {
		close(stop)
		for range ready { // until the goroutine has ended
		}
	}()
	for {
		// A cancelled context wins over a batch that is ready.
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		select {
		case s, ok := <-ready:
			if !ok {
				if failed != nil {
					yield(nil, failed)
				}
				return
			}
			if !yield(&s.batch, nil) {
				return
			}
			free <- s
		case <-ctx.Done():
			yield(nil, ctx.Err())
			return
		}
	}
}

// fill makes batch number index in a slot.
func (l *Loader) fill(buf *buffers, s *slot, epoch, index int) error {
	lo := index * l.cfg.Batch
	items := buf.items[lo:min(lo+l.cfg.Batch, len(buf.items))]
	inputs := s.inputs(len(items))
	s.batch = Batch{Inputs: inputs, Items: items, Epoch: epoch, Index: index, N: len(items)}
	return gather(l.ds, inputs, items, epoch)
}
