package stream

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/tensor"
)

// An Example is what a batch has side by side: inputs and targets. Feed wants
// the same number of tensors in all of them.
type Example = []*tensor.Tensor

// indexed is the stream of n elements that can be read in any order.
func indexed[T any](n int, at func(ctx context.Context, epoch, i int) (T, error)) *Stream[T] {
	s := &Stream[T]{n: n, known: true}
	s.at = func(ctx context.Context, epoch, i int) (v T, err error) {
		if err := ctx.Err(); err != nil {
			return v, err
		}
		return call(i, i, func(i int) (T, error) { return at(ctx, epoch, i) })
	}
	s.run = func(p place) seq[T] {
		return func(yield func(item[T], error) bool) {
			for i := p.index; i < n; i++ {
				if !p.wants(i) {
					continue
				}
				v, err := s.at(p.ctx, p.epoch, i)
				if !yield(item[T]{i, v}, err) || err != nil {
					return
				}
			}
		}
	}
	s.count = counted(s)
	return s
}

// Slice returns the stream of the elements of a slice, which it keeps.
func Slice[T any](elements []T) *Stream[T] {
	return indexed(len(elements), func(_ context.Context, _, i int) (T, error) { return elements[i], nil })
}

// Dataset returns the stream of a dataset's items, as they are in each epoch.
func Dataset(ds data.Dataset) *Stream[Example] {
	return indexed(ds.Len(), func(_ context.Context, epoch, i int) (Example, error) {
		if a, ok := ds.(data.Augmented); ok {
			return a.ItemAt(i, epoch)
		}
		return ds.Item(i)
	})
}

// Table returns the stream of the rows of a table, with the values of the
// named columns.
func Table(t source.Table, names ...string) *Stream[source.Row] {
	columns, err := source.Index(t.Columns(), names...)
	if err != nil {
		return failed[source.Row](fmt.Errorf("stream: %w", err))
	}
	return indexed(t.Len(), func(_ context.Context, _, i int) (source.Row, error) {
		row := source.Row{Values: make([]any, len(columns)), Where: t.Where(i)}
		return row, t.Read(row.Values, i, columns)
	})
}

// Rows returns the stream of the rows of files, with the values of the named
// columns, in memory that does not grow with the files.
func Rows(files source.Stream, names ...string) *Stream[source.Row] {
	columns, err := source.Index(files.Columns(), names...)
	if err != nil {
		return failed[source.Row](fmt.Errorf("stream: %w", err))
	}
	read := func(columns []int) *Stream[source.Row] {
		return New(func(ctx context.Context, _, index int) iter.Seq2[source.Row, error] {
			return files.Rows(ctx, columns, index)
		}, nil)
	}
	rows, numbers := read(columns), read(nil)
	s := &Stream[source.Row]{count: numbers.count}
	s.run = func(p place) seq[source.Row] {
		return func(yield func(item[source.Row], error) bool) {
			for x, err := range rows.run(p) {
				x.v.Values = slices.Clone(x.v.Values) // valid until the next row, there
				if !yield(x, err) {
					return
				}
			}
		}
	}
	return s
}
