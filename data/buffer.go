package data

import (
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// buffers is the memory of one running epoch.
type buffers struct {
	items   []int // in the order of batches
	batches []run // where each begins and ends; nil for all equal
	slots   []*slot
}

// A slot holds one batch.
type slot struct {
	batch  Batch
	items  [][]*tensor.Tensor // what it is made of
	length int                // to fill up to; 0 for the longest item's
	done   chan error         // one value when a worker has made the batch
}

// A run is a batch of buffers.items.
type run struct{ lo, hi, length int }

// take returns the memory of an epoch that ended, or new memory: one slot for
// the caller and one for each batch made ahead.
func (l *Loader) take() *buffers {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.idle); n > 0 {
		buf := l.idle[n-1]
		l.idle = l.idle[:n-1]
		return buf
	}
	buf := &buffers{items: make([]int, l.sampler.Len())}
	for range 1 + l.prefetch {
		buf.slots = append(buf.slots, &slot{done: make(chan error, 1)})
	}
	return buf
}

func (l *Loader) give(buf *buffers) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, buf)
}

// plan makes the order of an epoch.
func (b *buffers) plan(l *Loader, epoch int) error {
	l.sampler.Order(b.items, epoch)
	n := l.ds.Len()
	for k, i := range b.items {
		if i < 0 || i >= n {
			return fmt.Errorf("data: the sampler's place %d of epoch %d is item %d, the dataset has %d", k, epoch, i, n)
		}
	}
	if l.buckets != nil {
		l.buckets.plan(b, l.cfg, epoch)
	}
	return nil
}

// batch returns the items of a batch and the length of its bucket.
func (b *buffers) batch(index int, l *Loader) (items []int, length int) {
	if b.batches != nil {
		r := b.batches[index]
		return b.items[r.lo:r.hi], r.length
	}
	lo := index * l.cfg.Batch
	return b.items[lo:min(lo+l.cfg.Batch, len(b.items))], 0
}

// buckets says which items are of near lengths.
type buckets struct {
	of      []uint16 // the bucket of each item
	count   []int    // items in each
	batches int
}

func newBuckets(ds Dataset, cfg LoaderConfig) (*buckets, error) {
	lengths := cfg.Pad.Buckets
	if len(lengths) > 1<<16 {
		return nil, fmt.Errorf("data: pad: %d buckets, want at most %d", len(lengths), 1<<16)
	}
	b := &buckets{of: make([]uint16, ds.Len()), count: make([]int, len(lengths))}
	for i := range b.of {
		n, err := safeLength(ds, i, cfg.Pad)
		if err != nil {
			return nil, err
		}
		k, err := cfg.Pad.Bucket(n)
		if err != nil {
			return nil, fmt.Errorf("data: item %d: %w", i, err)
		}
		b.of[i] = uint16(k)
		b.count[k]++
	}
	for _, n := range b.count {
		b.batches += batches(n, cfg)
	}
	return b, nil
}

// plan gathers the items of each bucket, in the order that they have, cuts
// them into batches, and shuffles these.
func (b *buckets) plan(buf *buffers, cfg LoaderConfig, epoch int) {
	order := slices.Clone(buf.items)
	next := make([]int, len(b.count))
	buf.batches = buf.batches[:0]
	for k, at := 0, 0; k < len(b.count); k++ {
		next[k] = at
		end := at + b.count[k]
		for n := batches(b.count[k], cfg); n > 0; n-- {
			hi := min(at+cfg.Batch, end)
			buf.batches = append(buf.batches, run{at, hi, cfg.Pad.Buckets[k]})
			at = hi
		}
		at = end
	}
	for _, i := range order {
		k := b.of[i]
		buf.items[next[k]] = i
		next[k]++
	}
	if cfg.Shuffle {
		s := rng.NewStream(cfg.Seed, bucketPath, uint64(epoch))
		s.Shuffle(len(buf.batches), func(i, j int) { buf.batches[i], buf.batches[j] = buf.batches[j], buf.batches[i] })
	}
}
