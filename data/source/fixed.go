package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"slices"
	"sort"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A fixed is a table of values that take the same number of bytes in every
// row, and are read from where they lie. It takes memory for nothing else.
type fixed struct {
	columns []fixedColumn
	files   []io.Closer
}

// A fixedColumn is a part of all rows.
type fixedColumn struct {
	Column
	parts []fixedPart
	first []int // number of each part's first row, and of all rows
	cell  cell
}

// A fixedPart is a stretch of rows in one file: value i begins at
// offset + i*stride.
type fixedPart struct {
	name   string
	r      io.ReaderAt
	offset int64
	stride int
	rows   int
}

// A cell is the form of a value in memory.
type cell struct {
	dtype   dtype.DType
	shape   shape.Shape // of one row
	reverse bool        // the bytes of elements, to make them the machine's
	names   []string    // what integers stand for, where they stand for something
}

// kind is what a cell is in a table.
func (c cell) kind() Kind {
	switch {
	case c.shape.Rank() > 0:
		return Array
	case c.names != nil:
		return Text
	case c.dtype == dtype.Bool:
		return Boolean
	case c.dtype.IsInt():
		return Integer
	}
	return Number
}

// value makes a value of a tensor.
func (c cell) value(t *tensor.Tensor) (any, error) {
	if c.reverse && c.dtype.Size() > 1 {
		for mem := t.Bytes(); len(mem) > 0; mem = mem[c.dtype.Size():] {
			slices.Reverse(mem[:c.dtype.Size()])
		}
	}
	if c.dtype == dtype.Bool {
		for _, b := range t.Bytes() {
			if b > 1 {
				return nil, fmt.Errorf("byte %d for a boolean, want 0 or 1", b)
			}
		}
	}
	switch c.kind() {
	case Text:
		n := t.Int(0)
		if n < 0 || n >= int64(len(c.names)) {
			return nil, fmt.Errorf("label %d, there are %d names", n, len(c.names))
		}
		return c.names[n], nil
	case Boolean:
		return t.Bytes()[0] == 1, nil
	case Integer:
		if c.dtype == dtype.Uint64 && tensor.Data[uint64](t)[0] > math.MaxInt64 {
			return nil, fmt.Errorf("%d has no place in an int64", tensor.Data[uint64](t)[0])
		}
		return t.Int(0), nil
	case Number:
		return t.Float(0), nil
	}
	return t, nil
}

// column adds a column.
func (f *fixed) column(name string, c cell, parts ...fixedPart) {
	first := []int{0}
	for k, p := range parts {
		first = append(first, first[k]+p.rows)
	}
	f.columns = append(f.columns, fixedColumn{Column{name, c.kind()}, parts, first, c})
}

// open opens a file, which is closed with the table.
func (f *fixed) open(ctx context.Context, files Files, name string) (*os.File, int64, error) {
	path, err := files.Local(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	f.files = append(f.files, file)
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", name)
	}
	if err != nil {
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// one finds the file that a path names, which is to be one.
func one(ctx context.Context, files Files, path string) (string, error) {
	names, err := files.Find(ctx, path)
	if err != nil {
		return "", err
	}
	if len(names) != 1 {
		return "", fmt.Errorf("%s: %d files, want one", path, len(names))
	}
	return names[0], nil
}

// finish checks that columns are equally long, and rows something: a header of
// a few bytes could tell of any number of rows that take none.
func (f *fixed) finish() error {
	for i := range f.columns {
		if c := &f.columns[i]; c.cell.shape.Size() == 0 && c.len() > 0 {
			return fmt.Errorf("%s: offset %d: rows of %s, %v%v, hold nothing", c.parts[0].name, c.parts[0].offset, c.Name, c.cell.dtype, c.cell.shape)
		}
		if got, want := f.columns[i].len(), f.Len(); got != want {
			return fmt.Errorf("%s holds %d rows of %s, %s %d of %s", f.columns[0].parts[0].name, want, f.columns[0].Name,
				f.columns[i].parts[0].name, got, f.columns[i].Name)
		}
	}
	return nil
}

// check reads a column through, so that a mistake in it is known now. It is
// for small ones: labels.
func (f *fixed) check(column int) error {
	var v [1]any
	for i := range f.Len() {
		if err := f.Read(v[:], i, []int{column}); err != nil {
			return err
		}
	}
	return nil
}

func (c *fixedColumn) len() int { return c.first[len(c.parts)] }

func (c *fixedColumn) find(i int) (p *fixedPart, row int) {
	k := sort.SearchInts(c.first, i+1) - 1
	return &c.parts[k], i - c.first[k]
}

func (f *fixed) Columns() []Column {
	columns := make([]Column, len(f.columns))
	for i, c := range f.columns {
		columns[i] = c.Column
	}
	return columns
}

func (f *fixed) Len() int { return f.columns[0].len() }

func (f *fixed) Read(dst []any, i int, columns []int) error {
	for k, c := range columns {
		c := &f.columns[c]
		p, row := c.find(i)
		at := p.offset + int64(row)*int64(p.stride)
		t := tensor.New(c.cell.dtype, c.cell.shape)
		if _, err := p.r.ReadAt(t.Bytes(), at); err != nil && len(t.Bytes()) > 0 {
			if errors.Is(err, io.EOF) {
				err = errors.New("the file became shorter after it was opened")
			}
			return fmt.Errorf("%s: offset %d: %w", p.name, at, err)
		}
		var err error
		if dst[k], err = c.cell.value(t); err != nil {
			return fmt.Errorf("%s: offset %d: row %d: column %s: %w", p.name, at, row, c.Name, err)
		}
	}
	return nil
}

// Where names the file of the first column and the row in it, from 0.
func (f *fixed) Where(i int) string {
	p, row := f.columns[0].find(i)
	return fmt.Sprintf("%s: row %d", p.name, row)
}

func (f *fixed) Close() error {
	var errs []error
	for _, file := range f.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// Reopened is the Stream of a config whose Table takes no memory, or takes it
// whatever is done: each call of Rows opens the table, reads it in order and
// closes it. Configs whose Open is all there is to say return it from Stream.
func Reopened(ctx context.Context, c Config, files Files) (Stream, error) {
	t, err := c.Open(ctx, files)
	if err != nil {
		return nil, err
	}
	return &reopened{c, files, t.Columns()}, t.Close()
}

type reopened struct {
	config  Config
	files   Files
	columns []Column
}

func (s *reopened) Columns() []Column { return s.columns }

func (s *reopened) Rows(ctx context.Context, columns []int, from int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		t, err := s.config.Open(ctx, s.files)
		if err != nil {
			yield(Row{}, err)
			return
		}
		for row, rowErr := range Sequence(t).Rows(ctx, columns, from) {
			if err = rowErr; !yield(row, err) || err != nil {
				t.Close()
				return
			}
		}
		if err := t.Close(); err != nil {
			yield(Row{}, err)
		}
	}
}
