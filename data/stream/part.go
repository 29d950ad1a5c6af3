package stream

import (
	"context"
	"fmt"
)

// Take returns the stream of the first n elements, or all if there are fewer.
func Take[T any](s *Stream[T], n int) *Stream[T] {
	if s.err != nil {
		return s
	}
	if n < 0 {
		return failed[T](fmt.Errorf("stream: take %d elements", n))
	}
	t := &Stream[T]{n: min(s.n, n), known: s.known}
	t.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			if p.index >= n {
				return
			}
			for x, err := range s.run(p) {
				if err == nil && x.i >= n || !yield(x, err) || x.i == n-1 {
					return
				}
			}
		}
	}
	t.count = func(ctx context.Context, epoch int) (int, error) {
		if t.known {
			return t.n, nil
		}
		// Reading n elements may be less than counting all.
		return counted(t)(ctx, epoch)
	}
	return t
}

// Skip returns the stream without its first n elements.
func Skip[T any](s *Stream[T], n int) *Stream[T] {
	if s.err != nil {
		return s
	}
	if n < 0 {
		return failed[T](fmt.Errorf("stream: skip %d elements", n))
	}
	t := &Stream[T]{n: max(0, s.n-n), known: s.known}
	t.run = func(p place) seq[T] {
		up := p
		up.index += n
		if p.keep != nil {
			up.keep = func(i int) bool { return p.keep(i - n) }
		}
		return renumber(s.run(up), func(i int) int { return i - n })
	}
	t.count = func(ctx context.Context, epoch int) (int, error) {
		all, err := s.count(ctx, epoch)
		return max(0, all-n), err
	}
	return t
}

// Shard returns the stream of every count-th element, from number shard on:
// the shards 0..count-1 have every element once.
func Shard[T any](s *Stream[T], count, shard int) *Stream[T] {
	if s.err != nil {
		return s
	}
	if shard < 0 || shard >= count {
		return failed[T](fmt.Errorf("stream: shard %d of %d, want 0 to one less than their number", shard, count))
	}
	part := func(n int) int { return max(0, n-shard+count-1) / count }
	t := &Stream[T]{n: part(s.n), known: s.known}
	t.run = func(p place) seq[T] {
		up := place{ctx: p.ctx, epoch: p.epoch, index: p.index*count + shard}
		up.keep = func(i int) bool { return i%count == shard && (p.keep == nil || p.keep(i/count)) }
		return renumber(s.run(up), func(i int) int { return i / count })
	}
	t.count = func(ctx context.Context, epoch int) (int, error) {
		all, err := s.count(ctx, epoch)
		return part(all), err
	}
	return t
}

func renumber[T any](s seq[T], number func(i int) int) seq[T] {
	return func(yield func(item[T], error) bool) {
		for x, err := range s {
			if err == nil {
				x.i = number(x.i)
			}
			if !yield(x, err) {
				return
			}
		}
	}
}
