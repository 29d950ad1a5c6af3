package stream

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/rng"
)

// The names of the random streams. They are part of the record of runs and
// never change.
const (
	shufflePath = "stream.shuffle"
	orderPath   = "stream.order"
	samplePath  = "stream.sample"
)

// Shuffle returns the stream in an order that is random within the reach of a
// buffer of size elements: each is drawn from the buffer, and the next of s
// takes its place. The order is a function of seed and epoch.
func Shuffle[T any](s *Stream[T], size int, seed uint64) *Stream[T] {
	if s.err != nil {
		return s
	}
	if size < 1 {
		return failed[T](fmt.Errorf("stream: shuffle with a buffer of %d elements, want at least 1", size))
	}
	t := &Stream[T]{n: s.n, known: s.known, count: s.count}
	t.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			b := &buffer[T]{s: s, p: p, size: size, n: math.MaxInt, yield: yield}
			if s.known {
				b.n = s.n
			}
			for {
				b.r = rng.NewStream(seed, shufflePath, uint64(p.epoch))
				if b.replay(); !b.read() {
					return
				}
				// There are fewer elements than the draws took for granted:
				// draw again with their number.
				var err error
				if b.n, err = s.count(p.ctx, p.epoch); err != nil {
					yield(item[T]{}, err)
					return
				}
			}
		}
	}
	return t
}

// A buffer is a shuffle under way.
type buffer[T any] struct {
	s     *Stream[T]
	p     place
	size  int
	n     int // elements of s; the largest int if not known
	r     *rng.Stream
	held  []int // after replay, the numbers of the elements in the buffer
	next  int   // the first that was never in it
	yield func(item[T], error) bool
}

// replay makes the draws before p.index, of numbers instead of elements.
func (b *buffer[T]) replay() {
	b.held, b.next = nil, 0
	if b.p.index == 0 {
		return
	}
	for ; b.next < min(b.size, b.n); b.next++ {
		b.held = append(b.held, b.next)
	}
	for range min(b.p.index, b.n) {
		j := b.r.IntN(len(b.held))
		if b.next < b.n {
			b.held[j] = b.next
			b.next++
		} else {
			b.held[j] = b.held[len(b.held)-1]
			b.held = b.held[:len(b.held)-1]
		}
	}
}

// read reads the elements of the buffer, and on from there. It reports that
// there were fewer than replay believed.
func (b *buffer[T]) read() (fewer bool) {
	full := b.size
	if b.p.index > 0 {
		if full = len(b.held); full == 0 {
			return false
		}
	}
	where := make(map[int]int, len(b.held))
	for j, i := range b.held {
		where[i] = j
	}
	up := place{ctx: b.p.ctx, epoch: b.p.epoch}
	if b.p.index > 0 {
		// That the last element before next is there shows that all are that
		// the draws counted on.
		up.index = min(slices.Min(b.held), b.next-1)
		up.keep = func(i int) bool {
			_, held := where[i]
			return held || i >= b.next-1
		}
	}
	values := make([]T, len(b.held), full)
	out, last := b.p.index, -1
	emit := func(v T) bool {
		out++
		return !b.p.wants(out-1) || b.yield(item[T]{out - 1, v}, nil)
	}
	for x, err := range b.s.run(up) {
		if err != nil {
			b.yield(x, err)
			return false
		}
		last = x.i
		j, held := where[x.i]
		switch {
		case held:
			values[j] = x.v
		case x.i < b.next:
		case len(values) < full:
			values = append(values, x.v)
		default:
			j := b.r.IntN(len(values))
			v := values[j]
			values[j] = x.v
			if !emit(v) {
				return false
			}
		}
	}
	if last < b.next-1 {
		return true
	}
	for len(values) > 0 {
		j, end := b.r.IntN(len(values)), len(values)-1
		v := values[j]
		values[j] = values[end]
		values = values[:end]
		if !emit(v) {
			return false
		}
	}
	return false
}

// ShuffleAll returns the stream in random order, every order being as likely,
// as a function of seed and epoch. Of a source that can be read in any order
// (Slice, Dataset, Table) it holds nothing; of others it holds all elements
// from the first on.
func ShuffleAll[T any](s *Stream[T], seed uint64) *Stream[T] {
	if s.err != nil {
		return s
	}
	t := &Stream[T]{n: s.n, known: s.known, count: s.count}
	order := func(epoch, n int) []int { return rng.NewStream(seed, orderPath, uint64(epoch)).Perm(n) }
	if s.at != nil {
		t.run = func(p place) seq[T] {
			return func(yield func(item[T], error) bool) {
				for k, i := range order(p.epoch, s.n) {
					if !p.wants(k) {
						continue
					}
					v, err := s.at(p.ctx, p.epoch, i)
					if !yield(item[T]{k, v}, err) || err != nil {
						return
					}
				}
			}
		}
		return t
	}
	t.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			values, err := all(p.ctx, s, p.epoch)
			if err != nil {
				yield(item[T]{}, err)
				return
			}
			for k, i := range order(p.epoch, len(values)) {
				if p.wants(k) && !yield(item[T]{k, values[i]}, nil) {
					return
				}
			}
		}
	}
	return t
}

// all reads a whole epoch.
func all[T any](ctx context.Context, s *Stream[T], epoch int) ([]T, error) {
	var values []T
	for x, err := range s.run(place{ctx: ctx, epoch: epoch}) {
		if err != nil {
			return nil, err
		}
		values = append(values, x.v)
	}
	return values, ctx.Err()
}
