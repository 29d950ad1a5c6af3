package data

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/tensor"
)

// A LoaderConfig says how items become batches. It is part of the record of
// an experiment: with the dataset it determines every batch.
type LoaderConfig struct {
	Batch    int      `json:"batch" yaml:"batch"`         // items in a batch
	Shuffle  bool     `json:"shuffle" yaml:"shuffle"`     // a new random order each epoch
	Seed     uint64   `json:"seed" yaml:"seed"`           // of the order
	DropLast bool     `json:"drop_last" yaml:"drop_last"` // leave out a last batch that is not full
	Pad      *Padding `json:"pad" yaml:"pad"`             // for items of different lengths; null wants equal shapes
}

// Validate reports every mistake in c.
func (c LoaderConfig) Validate() error {
	var errs []error
	if c.Batch < 1 {
		errs = append(errs, config.Under("batch", fmt.Errorf("%d items, want at least 1", c.Batch)))
	}
	if c.Pad != nil {
		errs = append(errs, config.Under("pad", c.Pad.Validate()))
	}
	return errors.Join(errs...)
}

// A Batch is N items side by side.
type Batch struct {
	Inputs []*tensor.Tensor // each [N ...]
	Items  []int            // which item each row is
	Epoch  int
	Index  int // number of the batch in its epoch, from 0
	N      int

	memory []column // that Inputs are views of
}

// name is the number of the item in a row, for messages.
func (b *Batch) name(row int) int {
	if row < len(b.Items) {
		return b.Items[row]
	}
	return row
}

// A Loader reads a dataset in batches: a [Feed]. Epochs may run concurrently
// if the dataset allows it.
type Loader struct {
	ds       Dataset
	sampler  Sampler
	cfg      LoaderConfig
	prefetch int
	workers  int
	collator *Collator
	buckets  *buckets // nil without

	mu   sync.Mutex
	idle []*buffers // of epochs that ended
}

// An Option changes how a Loader works, not what it yields.
type Option func(*Loader)

// WithPrefetch sets how many batches are made ready ahead of the caller; with
// 0 the caller makes each when it asks. The default is 2.
func WithPrefetch(n int) Option { return func(l *Loader) { l.prefetch = n } }

// WithWorkers sets how many batches are made at a time, each by a goroutine of
// its own; they are yielded in order all the same. The default is 1. With more
// the dataset's methods are called concurrently, and at least n batches are
// made ahead.
func WithWorkers(n int) Option { return func(l *Loader) { l.workers = n } }

// NewLoader reads the first item, to learn types and shapes. Buckets ask for
// the length of every item: of a dataset that is not [Measured], all items are
// read once.
func NewLoader(ds Dataset, cfg LoaderConfig, options ...Option) (*Loader, error) {
	var s Sampler = sequential(ds.Len())
	if cfg.Shuffle {
		s = shuffled{ds.Len(), cfg.Seed}
	}
	return load(ds, s, cfg, options)
}

// NewSampledLoader is NewLoader with items that a sampler chooses. Shuffle and
// Buckets of the config must be off.
func NewSampledLoader(ds Dataset, s Sampler, cfg LoaderConfig, options ...Option) (*Loader, error) {
	if cfg.Shuffle || cfg.Pad != nil && cfg.Pad.Buckets != nil {
		return nil, errors.New("data: a sampler makes the order: shuffle and buckets can't do so too")
	}
	return load(ds, s, cfg, options)
}

func load(ds Dataset, s Sampler, cfg LoaderConfig, options []Option) (*Loader, error) {
	l := &Loader{ds: ds, sampler: s, cfg: cfg, prefetch: 2, workers: 1}
	for _, o := range options {
		o(l)
	}
	err := cfg.Validate()
	if l.prefetch < 0 {
		err = errors.Join(err, fmt.Errorf("prefetch of %d batches, want at least 0", l.prefetch))
	}
	if l.workers < 1 {
		err = errors.Join(err, fmt.Errorf("%d workers, want at least 1", l.workers))
	}
	if err != nil {
		return nil, fmt.Errorf("data: loader: %w", err)
	}
	if ds.Len() == 0 || s.Len() == 0 {
		return nil, errors.New("data: the dataset has no items")
	}
	if l.workers > 1 {
		l.prefetch = max(l.prefetch, l.workers)
	}
	first, err := safeItem(ds, 0, 0)
	if err != nil {
		return nil, err
	}
	if l.collator, err = NewCollator(first, cfg.Pad); err != nil {
		return nil, err
	}
	if cfg.Pad != nil && len(cfg.Pad.Buckets) > 0 {
		if l.buckets, err = newBuckets(ds, cfg); err != nil {
			return nil, err
		}
	}
	if l.Len() == 0 {
		return nil, fmt.Errorf("data: %d items give no full batch of %d, and the last one is to be dropped", s.Len(), cfg.Batch)
	}
	return l, nil
}

// Batches is Len, which is known before reading: a Loader is a [Feed].
func (l *Loader) Batches() (n int, ok bool) { return l.Len(), true }

// Len is the number of batches in an epoch.
func (l *Loader) Len() int {
	if l.buckets != nil {
		return l.buckets.batches
	}
	return batches(l.sampler.Len(), l.cfg)
}

// batches is how many n items make.
func batches(n int, cfg LoaderConfig) int {
	if !cfg.DropLast {
		n += cfg.Batch - 1
	}
	return n / cfg.Batch
}

// Epoch yields the batches of an epoch. The order is a function of seed and
// epoch alone. A batch and its tensors are valid until the next one is asked
// for. The first error, the context's included, is yielded last and alone.
// When the loop ends, early or not, nothing of it keeps running.
func (l *Loader) Epoch(ctx context.Context, epoch int) iter.Seq2[*Batch, error] {
	return l.From(ctx, epoch, 0)
}

// From yields what Epoch yields from batch number index on: a run that stopped
// at (epoch, index) goes on there. The batches before it are not made.
func (l *Loader) From(ctx context.Context, epoch, index int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if epoch < 0 || index < 0 || index > l.Len() {
			yield(nil, fmt.Errorf("data: batch %d of epoch %d, an epoch has %d", index, epoch, l.Len()))
			return
		}
		buf := l.take()
		defer l.give(buf)
		if err := buf.plan(l, epoch); err != nil {
			yield(nil, err)
			return
		}
		if l.prefetch == 0 {
			l.here(ctx, buf, epoch, index, yield)
		} else {
			l.ahead(ctx, buf, epoch, index, yield)
		}
	}
}

// here makes each batch when it is asked for.
func (l *Loader) here(ctx context.Context, buf *buffers, epoch, index int, yield func(*Batch, error) bool) {
	s := buf.slots[0]
	for ; index < l.Len(); index++ {
		err := ctx.Err()
		if err == nil {
			l.plan(buf, s, epoch, index)
			err = l.fill(s, nil)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		if !yield(&s.batch, nil) {
			return
		}
	}
}

var (
	// errStopped is what a worker makes of a batch that nobody waits for.
	errStopped = errors.New("data: internal error: the loop has ended")
	errEnded   = errors.New("data: the dataset ended the goroutine that read it")
)

// ahead lets goroutines make batches while the caller works. Batch i has slot
// i modulo their number: planned here, filled by a worker, waited for and given
// to the caller in order, then planned anew.
func (l *Loader) ahead(ctx context.Context, buf *buffers, epoch, index int, yield func(*Batch, error) bool) {
	work := make(chan *slot, len(buf.slots))
	var stop atomic.Bool
	var workers sync.WaitGroup
	for range l.workers {
		workers.Go(func() {
			for s := range work {
				l.work(s, &stop)
			}
		})
	}
	defer func() {
		stop.Store(true)
		close(work)
		workers.Wait()
		for _, s := range buf.slots {
			select {
			case <-s.done:
			default:
			}
		}
	}()
	begin := func(index int) {
		if index < l.Len() {
			s := buf.slots[index%len(buf.slots)]
			l.plan(buf, s, epoch, index)
			work <- s
		}
	}
	for k := range l.prefetch {
		begin(index + k)
	}
	for ; index < l.Len(); index++ {
		// The slot that the caller has just left is the last of the ring.
		begin(index + l.prefetch)
		s := buf.slots[index%len(buf.slots)]
		// A cancelled context wins over a batch that is ready.
		err := ctx.Err()
		if err == nil {
			select {
			case err = <-s.done:
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if err != nil {
			yield(nil, err)
			return
		}
		if !yield(&s.batch, nil) {
			return
		}
	}
}

// work fills a slot. A dataset that ends the goroutine (testing.T's FailNow)
// must not leave the caller waiting.
func (l *Loader) work(s *slot, stop *atomic.Bool) {
	err := errEnded
	defer func() { s.done <- err }()
	err = l.fill(s, stop)
}

// plan says what a slot is to hold.
func (l *Loader) plan(buf *buffers, s *slot, epoch, index int) {
	b := &s.batch
	b.Epoch, b.Index = epoch, index
	b.Items, s.length = buf.batch(index, l)
}

// fill makes the batch of a slot.
func (l *Loader) fill(s *slot, stop *atomic.Bool) error {
	b := &s.batch
	if g, ok := l.ds.(Gatherer); ok && l.cfg.Pad == nil {
		l.collator.room(b, len(b.Items))
		return safeGather(g, b.Inputs, b.Items, b.Epoch)
	}
	s.items = s.items[:0]
	defer func() { clear(s.items) }() // the dataset's tensors are not ours to keep alive
	for _, i := range b.Items {
		if stop != nil && stop.Load() {
			return errStopped
		}
		item, err := safeItem(l.ds, i, b.Epoch)
		if err != nil {
			return err
		}
		s.items = append(s.items, item)
	}
	return l.collator.Collate(b, s.items, s.length)
}
