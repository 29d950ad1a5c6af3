package stream

import (
	"sync"

	"github.com/gradus-ml/gradus/data"
)

// Cache returns the stream that keeps in memory the first elements, at most
// limit, once they have been read one after another; the rest is read anew in
// each epoch. All epochs have the elements of epoch 0 of s: what is drawn anew
// belongs after the cache.
func Cache[T any](s *Stream[T], limit int) *Stream[T] {
	if s.err != nil {
		return s
	}
	var mu sync.Mutex
	var values []T // only ever longer
	whole := false // values are all there are
	t := &Stream[T]{n: s.n, known: s.known}
	t.count = counted(t)
	t.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			mu.Lock()
			kept, all := values, whole
			mu.Unlock()
			for i := p.index; i < len(kept); i++ {
				if p.wants(i) && !yield(item[T]{i, kept[i]}, nil) {
					return
				}
			}
			if all {
				return
			}
			up := place{ctx: p.ctx, epoch: 0, index: max(p.index, len(kept)), keep: p.keep}
			keeping := up.index == len(kept) && len(kept) < limit
			if keeping {
				up.keep = nil
			}
			for x, err := range s.run(up) {
				if err != nil {
					yield(item[T]{}, err)
					return
				}
				if keeping {
					mu.Lock()
					if len(values) == x.i && x.i < limit {
						values = append(values, x.v)
					}
					mu.Unlock()
				}
				if p.wants(x.i) && !yield(x, nil) {
					return
				}
				up.index = x.i + 1
			}
			mu.Lock()
			whole = whole || p.ctx.Err() == nil && up.keep == nil && up.index == len(values)
			mu.Unlock()
		}
	}
	return t
}

// CacheFile returns the stream of the examples of a file, which the first
// reading writes before it yields anything, unless it is there with the same
// key. The key must say all that the examples depend on. All epochs have the
// examples of epoch 0 of s.
func CacheFile(s *Stream[Example], path, key string) *Stream[Example] {
	if s.err != nil {
		return s
	}
	var mu sync.Mutex // one writer
	t := &Stream[Example]{n: s.n, known: s.known}
	t.count = counted(t)
	t.run = func(p place) seq[Example] {
		return func(yield func(item[Example], error) bool) {
			mu.Lock()
			f, err := data.CacheItems(path, key, s.From(p.ctx, 0, 0))
			mu.Unlock()
			if err != nil {
				yield(item[Example]{}, err)
				return
			}
			defer f.Close()
			for x, err := range Dataset(f).run(p) {
				if !yield(x, err) {
					return
				}
			}
		}
	}
	return t
}
