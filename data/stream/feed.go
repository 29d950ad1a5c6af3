package stream

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/gradus-ml/gradus/data"
)

// Pack returns the stream of rows that short sequences fill, up to open rows at
// a time: each goes into the one where it leaves the least room; when it fits
// into none, the fullest is given out and a new one begins. Reading that begins
// at a row that is not the first makes all sequences before it.
func Pack(s *Stream[Example], packing data.Packing, open int) *Stream[Example] {
	if s.err != nil {
		return s
	}
	if err := packing.Validate(); err != nil {
		return failed[Example](fmt.Errorf("stream: pack: %w", err))
	}
	if open < 1 {
		return failed[Example](fmt.Errorf("stream: pack into %d open rows, want at least 1", open))
	}
	type row struct {
		room      int
		sequences []Example
	}
	t := &Stream[Example]{}
	t.run = func(p place) seq[Example] {
		return func(yield func(item[Example], error) bool) {
			var rows []row
			n := 0
			give := func(k int) bool {
				r := rows[k]
				rows = slices.Delete(rows, k, k+1)
				n++
				if !p.wants(n - 1) {
					return true
				}
				example, err := packing.Row(r.sequences)
				return yield(item[Example]{n - 1, example}, err) && err == nil
			}
			// fullest returns the row with the least room that has at least n.
			fullest := func(n int) int {
				best := -1
				for k, r := range rows {
					if r.room >= n && (best < 0 || r.room < rows[best].room) {
						best = k
					}
				}
				return best
			}
			for x, err := range s.run(place{ctx: p.ctx, epoch: p.epoch}) {
				var ends []int
				if err == nil {
					ends, err = call(x.i, x.v, func(e Example) ([]int, error) {
						n, err := packing.Sequence(e)
						if err != nil {
							return nil, err
						}
						return packing.Pieces(n)
					})
				}
				if err != nil {
					yield(item[Example]{}, err)
					return
				}
				lo := 0
				for _, hi := range ends {
					k := fullest(hi - lo)
					if k < 0 {
						if len(rows) == open && !give(fullest(0)) {
							return
						}
						k = len(rows)
						rows = append(rows, row{room: packing.Length})
					}
					part := make(Example, len(x.v))
					for c, t := range x.v {
						part[c] = t.Rows(lo, hi)
					}
					rows[k].room -= hi - lo
					rows[k].sequences = append(rows[k].sequences, part)
					lo = hi
				}
			}
			for len(rows) > 0 {
				if !give(0) {
					return
				}
			}
		}
	}
	t.count = counted(t)
	return t
}

// PaddedBatch returns the stream of batches of n examples, each tensor of them
// [N ...], in memory of their own. A pad of nil wants equal shapes.
func PaddedBatch(s *Stream[Example], n int, pad *data.Padding, dropLast bool) *Stream[Example] {
	return Map(Batch(s, n, dropLast), func(examples []Example) (Example, error) {
		c, err := data.NewCollator(examples[0], pad)
		if err != nil {
			return nil, err
		}
		var b data.Batch
		err = c.Collate(&b, examples, 0)
		return b.Inputs, err
	})
}

// A FeedConfig says how examples become batches.
type FeedConfig struct {
	Batch    int           `json:"batch" yaml:"batch"`         // examples in a batch
	DropLast bool          `json:"drop_last" yaml:"drop_last"` // leave out batches that are not full
	Pad      *data.Padding `json:"pad" yaml:"pad"`             // for examples of different lengths; null wants equal shapes
}

// Validate reports every mistake in c.
func (c FeedConfig) Validate() error {
	return data.LoaderConfig{Batch: c.Batch, DropLast: c.DropLast, Pad: c.Pad}.Validate()
}

// NewFeed returns what training reads of a stream of examples: their batches,
// in memory that is used again. Items of a batch are numbers of elements of s.
// With buckets, examples wait in theirs until a batch is full, as in [Bucket].
// The only option that counts is Ahead.
func NewFeed(s *Stream[Example], cfg FeedConfig, opts ...Option) (data.Feed, error) {
	o := options{ahead: 2}
	for _, set := range opts {
		set(&o)
	}
	if s.err != nil {
		return nil, s.err
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("stream: feed: %w", err)
	}
	if o.ahead < 0 {
		return nil, fmt.Errorf("stream: %d batches ahead, want at least 0", o.ahead)
	}
	f := &feed{cfg: cfg, ahead: o.ahead}
	numbered := &Stream[item[Example]]{n: s.n, known: s.known, count: s.count}
	numbered.run = func(p place) seq[item[Example]] {
		return func(yield func(item[item[Example]], error) bool) {
			for x, err := range s.run(p) {
				if !yield(item[item[Example]]{x.i, x}, err) {
					return
				}
			}
		}
	}
	if f.batches = Batch(numbered, cfg.Batch, cfg.DropLast); cfg.Pad != nil && len(cfg.Pad.Buckets) > 0 {
		length := func(x item[Example]) (int, error) { return cfg.Pad.Length(x.v), nil }
		f.batches = Bucket(numbered, length, cfg.Pad.Buckets, cfg.Batch, cfg.DropLast)
	}
	return f, f.batches.err
}

type feed struct {
	cfg     FeedConfig
	ahead   int
	batches *Stream[[]item[Example]]

	mu   sync.Mutex
	idle [][]*data.Batch // memory of epochs that ended
}

// take returns memory for those ahead, one being made, and one with the caller.
func (f *feed) take() []*data.Batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.idle); n > 0 {
		memory := f.idle[n-1]
		f.idle = f.idle[:n-1]
		return memory
	}
	memory := make([]*data.Batch, f.ahead+2)
	for k := range memory {
		memory[k] = new(data.Batch)
	}
	return memory
}

func (f *feed) give(memory []*data.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, memory)
}

func (f *feed) Batches() (n int, ok bool) { return f.batches.Len() }

func (f *feed) From(ctx context.Context, epoch, index int) iter.Seq2[*data.Batch, error] {
	return func(yield func(*data.Batch, error) bool) {
		if epoch < 0 || index < 0 {
			yield(nil, fmt.Errorf("stream: batch %d of epoch %d: neither can be negative", index, epoch))
			return
		}
		memory := f.take()
		defer f.give(memory)
		free := make(chan *data.Batch, len(memory))
		for _, b := range memory {
			free <- b
		}
		made := func(p place) seq[*data.Batch] { return f.collate(p, free) }
		p := place{ctx: ctx, epoch: epoch, index: index}
		batches := made(p)
		if f.ahead > 0 {
			batches = ahead(made, p, f.ahead)
		}
		for x, err := range batches {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(x.v, nil) {
				return
			}
			free <- x.v
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// collate yields batches made in the memory of those that are free.
func (f *feed) collate(p place, free <-chan *data.Batch) seq[*data.Batch] {
	return func(yield func(item[*data.Batch], error) bool) {
		var c *data.Collator
		var examples []Example
		for x, err := range f.batches.run(p) {
			if err == nil && c == nil {
				c, err = data.NewCollator(x.v[0].v, f.cfg.Pad)
			}
			if err != nil {
				yield(item[*data.Batch]{}, err)
				return
			}
			var b *data.Batch
			select {
			case b = <-free:
			case <-p.ctx.Done():
				yield(item[*data.Batch]{}, p.ctx.Err())
				return
			}
			b.Epoch, b.Index = p.epoch, x.i
			b.Items, examples = b.Items[:0], examples[:0]
			longest := 0
			for _, e := range x.v {
				b.Items, examples = append(b.Items, e.i), append(examples, e.v)
				longest = max(longest, f.cfg.Pad.Length(e.v))
			}
			length := 0
			if f.cfg.Pad != nil && len(f.cfg.Pad.Buckets) > 0 {
				k, err := f.cfg.Pad.Bucket(longest)
				if err != nil {
					yield(item[*data.Batch]{}, err)
					return
				}
				length = f.cfg.Pad.Buckets[k]
			}
			err = c.Collate(b, examples, length)
			clear(examples)
			if !yield(item[*data.Batch]{x.i, b}, err) || err != nil {
				return
			}
		}
	}
}
