package stream

import (
	"context"
	"fmt"

	"github.com/gradus-ml/gradus/data"
)

// Batch returns the stream of slices of n elements that follow one another; the
// last is shorter if elements are left, or left out.
func Batch[T any](s *Stream[T], n int, dropLast bool) *Stream[[]T] {
	if s.err != nil {
		return failed[[]T](s.err)
	}
	if n < 1 {
		return failed[[]T](fmt.Errorf("stream: batches of %d elements, want at least 1", n))
	}
	batches := func(elements int) int {
		if !dropLast {
			elements += n - 1
		}
		return elements / n
	}
	t := &Stream[[]T]{n: batches(s.n), known: s.known}
	t.count = func(ctx context.Context, epoch int) (int, error) {
		elements, err := s.count(ctx, epoch)
		return batches(elements), err
	}
	t.run = func(p place) seq[[]T] {
		return func(yield func(item[[]T], error) bool) {
			up := place{ctx: p.ctx, epoch: p.epoch, index: p.index * n}
			if p.keep != nil {
				up.keep = func(i int) bool { return p.keep(i / n) }
			}
			var batch []T
			number := 0
			for x, err := range s.run(up) {
				if err != nil {
					yield(item[[]T]{}, err)
					return
				}
				if batch == nil {
					batch = make([]T, 0, n)
				}
				batch, number = append(batch, x.v), x.i/n
				if len(batch) == n {
					if !yield(item[[]T]{number, batch}, nil) {
						return
					}
					batch = nil
				}
			}
			if len(batch) > 0 && !dropLast {
				yield(item[[]T]{number, batch}, nil)
			}
		}
	}
	return t
}

// Unbatch returns the stream of the elements of slices.
func Unbatch[T any](s *Stream[[]T]) *Stream[T] {
	if s.err != nil {
		return failed[T](s.err)
	}
	t := &Stream[T]{}
	t.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			i := 0
			for x, err := range s.run(place{ctx: p.ctx, epoch: p.epoch}) {
				if err != nil {
					yield(item[T]{}, err)
					return
				}
				for _, v := range x.v {
					if p.wants(i) && !yield(item[T]{i, v}, nil) {
						return
					}
					i++
				}
			}
		}
	}
	t.count = counted(t)
	return t
}

// Window returns the stream of slices of size elements that begin every shift
// elements: they overlap where shift is less than size. The last are shorter if
// elements are left, or left out.
func Window[T any](s *Stream[T], size, shift int, dropLast bool) *Stream[[]T] {
	if s.err != nil {
		return failed[[]T](s.err)
	}
	if size < 1 || shift < 1 {
		return failed[[]T](fmt.Errorf("stream: windows of %d elements every %d, want at least 1", size, shift))
	}
	windows := func(elements int) int {
		if dropLast {
			elements -= size - 1
		}
		return max(0, elements+shift-1) / shift
	}
	t := &Stream[[]T]{n: windows(s.n), known: s.known}
	t.count = func(ctx context.Context, epoch int) (int, error) {
		elements, err := s.count(ctx, epoch)
		return windows(elements), err
	}
	t.run = func(p place) seq[[]T] {
		return func(yield func(item[[]T], error) bool) {
			up := place{ctx: p.ctx, epoch: p.epoch, index: p.index * shift}
			if shift > size {
				up.keep = func(i int) bool { return i%shift < size }
			}
			var held []T      // elements from number begin on
			number := p.index // of the window that begins with held
			give := func() bool {
				w := append(make([]T, 0, size), held[:min(size, len(held))]...)
				held = held[min(shift, len(held)):]
				number++
				return !p.wants(number-1) || yield(item[[]T]{number - 1, w}, nil)
			}
			for x, err := range s.run(up) {
				if err != nil {
					yield(item[[]T]{}, err)
					return
				}
				held = append(held, x.v)
				if len(held) == size && !give() {
					return
				}
			}
			for !dropLast && len(held) > 0 {
				if !give() {
					return
				}
			}
		}
	}
	return t
}

// Bucket returns the stream of batches of elements of near lengths: each
// element waits in the first bucket whose limit is not below its length, and n
// of a bucket are a batch. At the end the buckets are emptied, the lowest
// first, or what is left in them is left out. At most n elements a bucket are
// held. Reading that begins at a batch that is not the first makes all
// elements before it: length needs them.
func Bucket[T any](s *Stream[T], length func(T) (int, error), limits []int, n int, dropLast bool) *Stream[[]T] {
	if s.err != nil {
		return failed[[]T](s.err)
	}
	if n < 1 {
		return failed[[]T](fmt.Errorf("stream: batches of %d elements, want at least 1", n))
	}
	one := 0.0
	buckets := data.Padding{Values: []*float64{&one}, Buckets: limits}
	if err := buckets.Validate(); err != nil || len(limits) == 0 {
		return failed[[]T](fmt.Errorf("stream: bucket limits %v, want ascending lengths of at least 1", limits))
	}
	bucket := func(v T) (int, error) {
		l, err := length(v)
		if err != nil {
			return 0, err
		}
		return buckets.Bucket(l)
	}
	t := &Stream[[]T]{}
	t.run = func(p place) seq[[]T] {
		return func(yield func(item[[]T], error) bool) {
			held := make([][]T, len(limits))
			i := 0
			give := func(k int) bool {
				b := held[k]
				held[k] = nil
				i++
				return !p.wants(i-1) || yield(item[[]T]{i - 1, b}, nil)
			}
			for x, err := range s.run(place{ctx: p.ctx, epoch: p.epoch}) {
				k := 0
				if err == nil {
					k, err = call(x.i, x.v, bucket)
				}
				if err != nil {
					yield(item[[]T]{}, err)
					return
				}
				if held[k] = append(held[k], x.v); len(held[k]) == n && !give(k) {
					return
				}
			}
			for k := range held {
				if len(held[k]) > 0 && !dropLast && !give(k) {
					return
				}
			}
		}
	}
	t.count = counted(t)
	return t
}
