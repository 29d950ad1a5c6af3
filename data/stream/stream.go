// Package stream makes examples of a sequence that need not fit in memory: map,
// filter, shuffle, mix, batch and so on, each a function from streams to a
// stream, until [Feed] gives the batches to training.
//
//	rows, err := stream.Rows(files, "text", "label")
//	s := stream.Shuffle(rows, 10000, seed)
//	examples := stream.MapDraw(s, encode, seed, stream.Workers(4))
//	feed, err := stream.NewFeed(examples, stream.FeedConfig{Batch: 64})
//
// A stream is a function of its settings and the epoch: it does not depend on
// time, on how many workers there are, or on what was read before. Reading may
// begin anywhere; operations whose elements correspond to elements before them
// (Map, Batch, Zip, Shard, Take and so on) make nothing of what is left out, and
// a shuffle finds out by its draws alone which elements it would hold.
//
// Mistakes in settings are kept: they are the error of Err, and the first thing
// that reading yields.
package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/gradus-ml/gradus/data"
)

// A Stream is a sequence of elements for each epoch. Elements are kept and
// shared by operations: nobody changes one. A Stream may be read concurrently
// if its source and functions may be.
type Stream[T any] struct {
	run   func(place) seq[T]
	count func(ctx context.Context, epoch int) (int, error) // elements, without making them where that can be
	n     int                                               // elements, if known
	known bool
	at    func(ctx context.Context, epoch, i int) (T, error) // nil: only in sequence
	err   error                                              // a mistake in the settings
}

// A place is where reading begins and what is wanted of the rest.
type place struct {
	ctx          context.Context
	epoch, index int
	keep         func(i int) bool // of elements from index on; nil wants all; a pure function
}

func (p place) wants(i int) bool { return i >= p.index && (p.keep == nil || p.keep(i)) }

// An item is an element and its number in the epoch.
type item[T any] struct {
	i int
	v T
}

// A seq yields the items that a place wants, in order, and the first error
// last and alone.
type seq[T any] = iter.Seq2[item[T], error]

// From yields the elements of an epoch from number index on; none if there are
// not so many. The first error, the context's included, is yielded last and
// alone. When the loop ends, early or not, nothing of it keeps running and no
// file stays open.
func (s *Stream[T]) From(ctx context.Context, epoch, index int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if epoch < 0 || index < 0 {
			yield(none, fmt.Errorf("stream: element %d of epoch %d: neither can be negative", index, epoch))
			return
		}
		for x, err := range s.run(place{ctx: ctx, epoch: epoch, index: index}) {
			if err == nil {
				err = ctx.Err() // a cancelled context wins over an element that is ready
			}
			if err != nil {
				yield(none, err)
				return
			}
			if !yield(x.v, nil) {
				return
			}
		}
		// An upstream that was cancelled may look like one that has ended.
		if err := ctx.Err(); err != nil {
			yield(none, err)
		}
	}
}

// Len is the number of elements in an epoch; ok is false when only reading can
// tell.
func (s *Stream[T]) Len() (n int, ok bool) { return s.n, s.known }

// Err is what is wrong with the settings of the stream or one that it is made
// of.
func (s *Stream[T]) Err() error { return s.err }

// failed is the stream of settings with a mistake.
func failed[T any](err error) *Stream[T] {
	return &Stream[T]{
		run:   func(place) seq[T] { return func(yield func(item[T], error) bool) { yield(item[T]{}, err) } },
		count: func(context.Context, int) (int, error) { return 0, err },
		err:   err,
	}
}

// New returns the stream of a function that yields the elements of an epoch
// from a number on, as From does. A nil n says that their number is not known;
// otherwise it is that of every epoch.
func New[T any](from func(ctx context.Context, epoch, index int) iter.Seq2[T, error], n *int) *Stream[T] {
	s := &Stream[T]{}
	if n != nil {
		if *n < 0 {
			return failed[T](fmt.Errorf("stream: %d elements, want at least 0", *n))
		}
		s.n, s.known = *n, true
	}
	s.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			i, ours := p.index, true
			defer func() {
				if !ours {
					return // the panic is the reader's
				}
				if v := recover(); v != nil {
					yield(item[T]{}, data.NewPanicError(fmt.Sprintf("stream: element %d", i), v))
				}
			}()
			for v, err := range from(p.ctx, p.epoch, p.index) {
				if err == nil && p.keep != nil && !p.keep(i) {
					i++
					if err = p.ctx.Err(); err == nil {
						continue
					}
				}
				ours = false
				more := yield(item[T]{i, v}, err)
				ours = true
				if !more || err != nil {
					return
				}
				i++
			}
		}
	}
	s.count = counted(s)
	return s
}

// counted counts by reading, where the number is not known.
func counted[T any](s *Stream[T]) func(context.Context, int) (int, error) {
	return func(ctx context.Context, epoch int) (int, error) {
		if s.known {
			return s.n, nil
		}
		n := 0
		for _, err := range s.run(place{ctx: ctx, epoch: epoch}) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return 0, err
			}
			n++
		}
		return n, nil
	}
}

// call calls a user's function for an element and names the element in what
// goes wrong, a panic included.
func call[T, U any](i int, v T, f func(T) (U, error)) (u U, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = data.NewPanicError(fmt.Sprintf("stream: element %d", i), p)
		}
	}()
	if u, err = f(v); err != nil {
		err = fmt.Errorf("stream: element %d: %w", i, err)
	}
	return u, err
}

// errEnded is what becomes of a user's function that ends its goroutine.
var errEnded = errors.New("stream: a function ended the goroutine that called it")

// An Option changes how an operation works, not what it yields.
type Option func(*options)

type options struct {
	workers int
	ahead   int
}

// Workers lets n goroutines call the function of a Map at a time; the order
// stays. At most 2n elements are ahead of the reader, of those that take less
// than 50 microseconds some more. Without, the reader calls the function.
func Workers(n int) Option { return func(o *options) { o.workers = n } }

// Ahead sets how many batches a feed makes ready ahead of the caller. The
// default is 2.
func Ahead(n int) Option { return func(o *options) { o.ahead = n } }
