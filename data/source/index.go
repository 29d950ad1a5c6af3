package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"strconv"
)

// A rowIndex knows where the rows of some files begin: 8 bytes a row, and a
// line number for every lineStep rows. Its methods may be called concurrently
// once it is built.
type rowIndex struct {
	files []*rowFile
	first []int // number of each file's first row, and of all rows
}

type rowFile struct {
	name   string // as messages give it
	file   content
	starts []int64 // of each row, and the end of the last
	lines  []int   // of rows 0, lineStep, ...
}

// content is a file that is on disk, or travels with the program.
type content interface {
	io.ReaderAt
	io.Closer
}

// reader reads the file from its start.
func (f *rowFile) reader() io.Reader {
	size := int64(math.MaxInt64)
	if m, ok := f.file.(inMemory); ok {
		size = m.Size()
	}
	return io.NewSectionReader(f.file, 0, size)
}

// lineStep is how many rows Where reads at most to count lines.
const lineStep = 1024

// validPath wants a file.
func validPath(format string, path []string) error {
	if len(path) == 0 || slices.Contains(path, "") {
		return fmt.Errorf("%s: path is empty, want a file", format)
	}
	return nil
}

// findAll lists the files of several patterns, those of the first one first.
func findAll(ctx context.Context, files Files, patterns []string) ([]string, error) {
	var all []string
	for _, pattern := range patterns {
		names, err := files.Find(ctx, pattern)
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	return all, nil
}

// openRows opens the files of some patterns, so that they can be indexed. What
// it returns is to be closed, also with an error.
func openRows(ctx context.Context, files Files, patterns []string) (*rowIndex, error) {
	x := &rowIndex{}
	names, err := findAll(ctx, files, patterns)
	if err != nil {
		return x, err
	}
	for _, name := range names {
		path, err := files.Local(ctx, name)
		if err != nil {
			return x, err
		}
		f, err := os.Open(path)
		if err != nil {
			return x, err
		}
		x.files = append(x.files, &rowFile{name: name, file: f})
	}
	return x, nil
}

// add notes a row of the file.
func (f *rowFile) add(offset int64, line int) {
	if len(f.starts)%lineStep == 0 {
		f.lines = append(f.lines, line)
	}
	f.starts = append(f.starts, offset)
}

// finish notes where the last row ends.
func (f *rowFile) finish(end int64) { f.starts = slices.Clip(append(f.starts, end)) }

// rows is the number of rows of a finished file.
func (f *rowFile) rows() int { return len(f.starts) - 1 }

// number counts the rows of all files, which are finished.
func (x *rowIndex) number() {
	x.first = []int{0}
	n := 0
	for _, f := range x.files {
		n += f.rows()
		x.first = append(x.first, n)
	}
}

func (x *rowIndex) Len() int { return x.first[len(x.files)] }

func (x *rowIndex) find(i int) (*rowFile, int) {
	k := sort.SearchInts(x.first, i+1) - 1
	return x.files[k], i - x.first[k]
}

// bytes reads row i, with what stands between it and the next one, into buf
// or a larger slice.
func (x *rowIndex) bytes(buf []byte, i int) ([]byte, error) {
	f, row := x.find(i)
	return f.read(buf, f.starts[row], f.starts[row+1])
}

// read reads the bytes from at to end.
func (f *rowFile) read(buf []byte, at, end int64) ([]byte, error) {
	n := int(end - at)
	buf = slices.Grow(buf[:0], n)[:n]
	if _, err := f.file.ReadAt(buf, at); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file became shorter after it was opened")
		}
		return buf, fmt.Errorf("%s: offset %d: %w", f.name, at, err)
	}
	return buf, nil
}

// Where names file and line of row i.
func (x *rowIndex) Where(i int) string {
	f, row := x.find(i)
	step := row / lineStep
	between := make([]byte, f.starts[row]-f.starts[step*lineStep])
	if _, err := f.file.ReadAt(between, f.starts[step*lineStep]); err != nil && err != io.EOF {
		return fmt.Sprintf("%s: offset %d", f.name, f.starts[row])
	}
	return place(f.name, f.lines[step]+bytes.Count(between, []byte("\n")))
}

func (x *rowIndex) Close() error {
	var errs []error
	for _, f := range x.files {
		errs = append(errs, f.file.Close())
	}
	return errors.Join(errs...)
}

// place is file:line, as editors understand it.
func place(name string, line int) string { return name + ":" + strconv.Itoa(line) }
