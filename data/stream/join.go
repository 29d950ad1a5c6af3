package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/gradus-ml/gradus/rng"
)

// Concat returns the stream of the elements of all streams, one after another.
func Concat[T any](streams ...*Stream[T]) *Stream[T] {
	return chain(len(streams), func(k, epoch int) (*Stream[T], int) { return streams[k], epoch }, streams)
}

// Repeat returns the stream of a stream several times over: an epoch has the
// elements of as many epochs of s.
func Repeat[T any](s *Stream[T], times int) *Stream[T] {
	if times < 1 {
		return failed[T](fmt.Errorf("stream: repeat %d times, want at least 1", times))
	}
	return chain(times, func(k, epoch int) (*Stream[T], int) { return s, epoch*times + k }, []*Stream[T]{s})
}

// chain joins parts, each an epoch of one of the streams.
func chain[T any](parts int, part func(k, epoch int) (*Stream[T], int), streams []*Stream[T]) *Stream[T] {
	for _, s := range streams {
		if s.err != nil {
			return s
		}
	}
	t := &Stream[T]{known: true}
	for k := range parts {
		s, _ := part(k, 0)
		t.n += s.n
		t.known = t.known && s.known
	}
	t.count = func(ctx context.Context, epoch int) (n int, err error) {
		for k := range parts {
			s, at := part(k, epoch)
			m, err := s.count(ctx, at)
			if err != nil {
				return 0, err
			}
			n += m
		}
		return n, nil
	}
	t.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			begin := 0 // elements of the parts before
			for k := range parts {
				s, epoch := part(k, p.epoch)
				end := begin
				if s.known || p.index > begin {
					n, err := s.count(p.ctx, epoch)
					if err != nil {
						yield(item[T]{}, err)
						return
					}
					if end += n; end <= p.index {
						begin = end
						continue
					}
				}
				up := place{ctx: p.ctx, epoch: epoch, index: max(0, p.index-begin)}
				last := k == parts-1
				if p.keep != nil && (s.known || last || end > begin) {
					up.keep = func(i int) bool { return p.keep(begin + i) }
				}
				seen := 0
				for x, err := range s.run(up) {
					seen = x.i + 1
					x.i += begin
					if err == nil && !p.wants(x.i) {
						continue
					}
					if !yield(x, err) || err != nil {
						return
					}
				}
				begin = max(end, begin+seen)
			}
		}
	}
	return t
}

// A Pair is an element of each of two streams.
type Pair[A, B any] struct {
	A A
	B B
}

// Zip returns the stream of pairs of the elements with equal numbers. It ends
// where the shorter stream does.
func Zip[A, B any](a *Stream[A], b *Stream[B]) *Stream[Pair[A, B]] {
	if err := errors.Join(a.err, b.err); err != nil {
		return failed[Pair[A, B]](err)
	}
	t := &Stream[Pair[A, B]]{n: min(a.n, b.n), known: a.known && b.known}
	t.count = func(ctx context.Context, epoch int) (int, error) {
		n, err := a.count(ctx, epoch)
		if err != nil {
			return 0, err
		}
		m, err := b.count(ctx, epoch)
		return min(n, m), err
	}
	t.run = func(p place) seq[Pair[A, B]] {
		return func(yield func(item[Pair[A, B]], error) bool) {
			next, stop := iter.Pull2(b.run(p))
			defer stop()
			for x, err := range a.run(p) {
				var pair Pair[A, B]
				if err == nil {
					y, err2, ok := next()
					if !ok {
						return
					}
					pair, err = Pair[A, B]{x.v, y.v}, err2
				}
				if !yield(item[Pair[A, B]]{x.i, pair}, err) || err != nil {
					return
				}
			}
		}
	}
	return t
}

// A cursor reads one of several streams of which elements are taken in turn.
// Those that are not wanted are not made, as long as that can be.
type cursor[T any] struct {
	s     *Stream[T]
	epoch int
	pos   int // of the next element
	n     int // elements, when counted
	known bool
	next  func() (item[T], error, bool) // nil before the first wanted element
	stop  func()
}

// step takes the next element, or leaves it out; ok is false at the end.
func (c *cursor[T]) step(ctx context.Context, wanted bool) (v T, ok bool, err error) {
	if c.next == nil && !wanted {
		if !c.known {
			if c.n, err = c.s.count(ctx, c.epoch); err != nil {
				return v, false, err
			}
			c.known = true
		}
		if c.pos >= c.n {
			return v, false, nil
		}
		c.pos++
		return v, true, nil
	}
	if c.next == nil {
		c.next, c.stop = iter.Pull2(c.s.run(place{ctx: ctx, epoch: c.epoch, index: c.pos}))
	}
	x, err, ok := c.next()
	return x.v, ok, err
}

func (c *cursor[T]) close() {
	if c.stop != nil {
		c.stop()
	}
}

// Interleave returns the stream that has in turn up to block elements of each
// of cycle streams, which f makes of elements of s: of names of files, the rows
// of each. Where one of them ends, that of the next element of s takes its turn.
func Interleave[S, T any](s *Stream[S], f func(S) (*Stream[T], error), cycle, block int) *Stream[T] {
	if s.err != nil {
		return failed[T](s.err)
	}
	if cycle < 1 || block < 1 {
		return failed[T](fmt.Errorf("stream: interleave %d elements of %d streams, want at least 1 of 1", block, cycle))
	}
	t := &Stream[T]{}
	t.count = func(ctx context.Context, epoch int) (n int, err error) {
		for x, err := range s.run(place{ctx: ctx, epoch: epoch}) {
			if err != nil {
				return 0, err
			}
			sub, err := call(x.i, x.v, f)
			if err != nil {
				return 0, err
			}
			m, err := sub.count(ctx, epoch)
			if err != nil {
				return 0, err
			}
			n += m
		}
		return n, ctx.Err()
	}
	t.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			next, stop := iter.Pull2(s.run(place{ctx: p.ctx, epoch: p.epoch}))
			defer stop()
			open := make([]*cursor[T], cycle) // nil: none yet
			defer func() {
				for _, c := range open {
					if c != nil {
						c.close()
					}
				}
			}()
			out := 0
			for turn, taken := 0, 0; len(open) > 0; {
				if turn == len(open) {
					turn = 0
				}
				c := open[turn]
				if c == nil {
					x, err, ok := next()
					if !ok { // s has ended
						open = append(open[:turn], open[turn+1:]...)
						continue
					}
					var sub *Stream[T]
					if err == nil {
						sub, err = call(x.i, x.v, f)
					}
					if err == nil && sub == nil {
						err = fmt.Errorf("stream: element %d: interleave: no stream was made of it", x.i)
					}
					if err != nil {
						yield(item[T]{}, err)
						return
					}
					c = &cursor[T]{s: sub, epoch: p.epoch}
					open[turn], taken = c, 0
				}
				v, ok, err := c.step(p.ctx, p.wants(out))
				if err != nil {
					yield(item[T]{}, err)
					return
				}
				if !ok {
					c.close()
					open[turn] = nil
					continue
				}
				if p.wants(out) && !yield(item[T]{out, v}, nil) {
					return
				}
				out++
				if taken++; taken == block {
					turn, taken = turn+1, 0
				}
			}
		}
	}
	return t
}

// Sample returns the mixture of streams: each element is the next one of a
// stream drawn with probability in proportion to its weight, among those that
// have not ended. A function of seed and epoch.
func Sample[T any](streams []*Stream[T], weights []float64, seed uint64) *Stream[T] {
	if len(streams) != len(weights) || len(streams) == 0 {
		return failed[T](fmt.Errorf("stream: %d weights for a mixture of %d streams, want one each", len(weights), len(streams)))
	}
	for k, w := range weights {
		if !(w > 0) || math.IsInf(w, 1) {
			return failed[T](fmt.Errorf("stream: weight %d of a mixture is %v, want a positive number", k, w))
		}
	}
	t := Concat(streams...) // for the number of elements
	if t.err != nil {
		return t
	}
	t.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			r := rng.NewStream(seed, samplePath, uint64(p.epoch))
			open := make([]*cursor[T], len(streams)) // nil: has ended
			for k, s := range streams {
				open[k] = &cursor[T]{s: s, epoch: p.epoch}
			}
			defer func() {
				for _, c := range open {
					if c != nil {
						c.close()
					}
				}
			}()
			out := 0
			for {
				k := choose(r.Float64(), weights, open)
				if k < 0 {
					return
				}
				v, ok, err := open[k].step(p.ctx, p.wants(out))
				if err != nil {
					yield(item[T]{}, err)
					return
				}
				if !ok {
					open[k].close()
					open[k] = nil
					continue
				}
				if p.wants(out) && !yield(item[T]{out, v}, nil) {
					return
				}
				out++
			}
		}
	}
	return t
}

// choose returns the number of an open stream, for a uniform u; -1 if all have
// ended.
func choose[T any](u float64, weights []float64, open []*cursor[T]) int {
	total := 0.0
	for k, c := range open {
		if c != nil {
			total += weights[k]
		}
	}
	u = float64(u * total) // the conversion forbids a fused step below, which some processors would take
	last := -1
	for k, c := range open {
		if c == nil {
			continue
		}
		last = k
		if u -= weights[k]; u < 0 {
			break
		}
	}
	return last
}
