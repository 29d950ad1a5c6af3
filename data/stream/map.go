package stream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gradus-ml/gradus/data"
)

// Map returns the stream of f of each element.
func Map[T, U any](s *Stream[T], f func(T) (U, error), opts ...Option) *Stream[U] {
	return mapped(s, func(_, i int, v T) (U, error) { return call(i, v, f) }, opts)
}

// MapDraw is Map with a function that draws random numbers, for augmentation:
// from the seed, the epoch and the element's number in s.
func MapDraw[T, U any](s *Stream[T], f func(T, data.Draw) (U, error), seed uint64, opts ...Option) *Stream[U] {
	return mapped(s, func(epoch, i int, v T) (U, error) {
		return call(i, v, func(v T) (U, error) {
			return f(v, data.Draw{Training: true, Seed: seed, Epoch: epoch, Item: i})
		})
	}, opts)
}

func mapped[T, U any](s *Stream[T], f func(epoch, i int, v T) (U, error), opts []Option) *Stream[U] {
	var o options
	for _, set := range opts {
		set(&o)
	}
	if s.err != nil {
		return failed[U](s.err)
	}
	if o.workers < 0 {
		return failed[U](fmt.Errorf("stream: map with %d workers", o.workers))
	}
	m := &Stream[U]{n: s.n, known: s.known, count: s.count}
	m.run = func(p place) seq[U] {
		if o.workers > 0 {
			return parallel(s, f, p, o.workers)
		}
		return func(yield func(item[U], error) bool) {
			for x, err := range s.run(p) {
				var u U
				if err == nil {
					u, err = f(p.epoch, x.i, x.v)
				}
				if !yield(item[U]{x.i, u}, err) || err != nil {
					return
				}
			}
		}
	}
	return m
}

// A task is some elements under way, one after another.
type task[T, U any] struct {
	in   []item[T]
	out  []U           // of the first elements of in: all, if there is no error
	err  error         // of the next
	done chan struct{} // one value when out and err are there
}

// Elements are handed to workers in tasks of about taskTime, of at most maxTask:
// to hand one over takes about a microsecond (BenchmarkRows).
const (
	taskTime = 50 * time.Microsecond
	maxTask  = 32
)

// parallel lets a goroutine read and others call f. Tasks go round: free, read,
// computed, yielded in the order of reading, free. How many elements they have
// depends on time; what is yielded does not.
func parallel[T, U any](s *Stream[T], f func(epoch, i int, v T) (U, error), p place, workers int) seq[U] {
	return func(yield func(item[U], error) bool) {
		ctx, cancel := context.WithCancel(p.ctx)
		size := 2 * workers
		free, order, work := make(chan *task[T, U], size), make(chan *task[T, U], size+1), make(chan *task[T, U], size)
		for range size {
			free <- &task[T, U]{done: make(chan struct{}, 1)}
		}
		var took atomic.Int64 // nanoseconds for an element, at last
		took.Store(int64(taskTime))
		var stop atomic.Bool
		var all sync.WaitGroup
		defer func() {
			stop.Store(true)
			cancel()
			all.Wait()
		}()
		all.Go(func() {
			defer close(work)
			defer close(order)
			last := &task[T, U]{err: errEnded, done: make(chan struct{}, 1)}
			var t *task[T, U] // being filled
			defer func() {
				if t != nil {
					order <- t
					work <- t
				}
				if last.err != nil {
					last.done <- struct{}{}
					order <- last
				}
			}()
			up := p
			up.ctx = ctx
			for x, err := range s.run(up) {
				if err != nil {
					last.err = err
					return
				}
				if t == nil {
					select {
					case t = <-free:
					case <-ctx.Done():
						last.err = ctx.Err()
						return
					}
				}
				t.in = append(t.in, x)
				if n := len(t.in); n >= maxTask || int64(n+1)*took.Load() > int64(taskTime) {
					order <- t
					work <- t
					t = nil
				}
			}
			last.err = nil
		})
		for range workers {
			all.Go(func() {
				for t := range work {
					if !stop.Load() {
						t.compute(p.epoch, f, &took)
					}
				}
			})
		}
		for t := range order {
			select {
			case <-t.done:
			case <-p.ctx.Done():
				yield(item[U]{}, p.ctx.Err())
				return
			}
			for k, u := range t.out {
				if !yield(item[U]{t.in[k].i, u}, nil) {
					return
				}
			}
			if t.err != nil {
				yield(item[U]{}, t.err)
				return
			}
			clear(t.in) // what was yielded is not ours to keep alive
			clear(t.out)
			t.in, t.out = t.in[:0], t.out[:0]
			free <- t
		}
	}
}

func (t *task[T, U]) compute(epoch int, f func(epoch, i int, v T) (U, error), took *atomic.Int64) {
	t.err = errEnded
	begin := time.Now()
	defer func() {
		took.Store(max(1, int64(time.Since(begin))/int64(len(t.in))))
		t.done <- struct{}{}
	}()
	for _, x := range t.in {
		u, err := f(epoch, x.i, x.v)
		if err != nil {
			t.err = err
			return
		}
		t.out = append(t.out, u)
	}
	t.err = nil
}

// Filter returns the stream of the elements for which keep holds. Where reading
// begins at an element that is not the first, keep is called for all before it
// too: nothing else tells how many those are.
func Filter[T any](s *Stream[T], keep func(T) (bool, error)) *Stream[T] {
	if s.err != nil {
		return s
	}
	f := &Stream[T]{}
	f.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			n := 0
			for x, err := range s.run(place{ctx: p.ctx, epoch: p.epoch}) {
				keeps := false
				if err == nil {
					keeps, err = call(x.i, x.v, keep)
				}
				if err != nil {
					yield(item[T]{}, err)
					return
				}
				if !keeps {
					continue
				}
				if p.wants(n) && !yield(item[T]{n, x.v}, nil) {
					return
				}
				n++
			}
		}
	}
	f.count = counted(f)
	return f
}

// Prefetch lets a goroutine read up to n elements ahead.
func Prefetch[T any](s *Stream[T], n int) *Stream[T] {
	if s.err != nil {
		return s
	}
	if n < 1 {
		return failed[T](fmt.Errorf("stream: prefetch of %d elements, want at least 1", n))
	}
	f := *s
	f.run = func(p place) seq[T] { return ahead(s.run, p, n) }
	return &f
}

// ahead runs what run yields in a goroutine.
func ahead[T any](run func(place) seq[T], p place, n int) seq[T] {
	return func(yield func(item[T], error) bool) {
		type result struct {
			x   item[T]
			err error
		}
		ctx, cancel := context.WithCancel(p.ctx)
		ready := make(chan result, n)
		ended := errEnded // written before ready is closed
		go func() {
			defer close(ready)
			up := p
			up.ctx = ctx
			for x, err := range run(up) {
				select {
				case ready <- result{x, err}:
				case <-ctx.Done():
					ended = ctx.Err()
					return
				}
			}
			ended = nil
		}()
		defer func() {
			cancel()
			for range ready { // until the goroutine has ended
			}
		}()
		for {
			select {
			case r, ok := <-ready:
				if !ok {
					if ended != nil {
						yield(item[T]{}, ended)
					}
					return
				}
				if !yield(r.x, r.err) || r.err != nil {
					return
				}
			case <-p.ctx.Done():
				yield(item[T]{}, p.ctx.Err())
				return
			}
		}
	}
}
