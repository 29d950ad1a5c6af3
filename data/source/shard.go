package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
)

// shards are open files whose rows are numbered one after another.
type shards struct {
	names []string
	files []*os.File
	first []int // number of each file's first row, and of all rows
}

// openShards opens the local copies of the files that some patterns name, and
// calls index for each, which returns the number of its rows.
func openShards(ctx context.Context, files Files, patterns []string, index func(f *os.File, sizeBytes int64, name string) (int, error)) (*shards, error) {
	names, err := findAll(ctx, files, patterns)
	if err != nil {
		return nil, err
	}
	s := &shards{first: []int{0}}
	for i, name := range names {
		n, err := s.open(ctx, files, name, index)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.first = append(s.first, s.first[i]+n)
	}
	return s, nil
}

func (s *shards) open(ctx context.Context, files Files, name string, index func(*os.File, int64, string) (int, error)) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	path, err := files.Local(ctx, name)
	if err != nil {
		return 0, err
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	s.names, s.files = append(s.names, name), append(s.files, f)
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !st.Mode().IsRegular() {
		return 0, fmt.Errorf("%s: not a regular file", name)
	}
	return index(f, st.Size(), name)
}

// Len is the number of all rows.
func (s *shards) Len() int { return s.first[len(s.files)] }

// find gives the file of a row, and its number there.
func (s *shards) find(i int) (file, row int) {
	k := sort.SearchInts(s.first, i+1) - 1
	return k, i - s.first[k]
}

// Close closes the files.
func (s *shards) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// readSized reads n bytes. It takes no more memory than twice what comes, and
// a megabyte.
func readSized(r io.Reader, n int64) ([]byte, error) {
	var b []byte
	for int64(len(b)) < n {
		had := len(b)
		part := int(min(n-int64(had), int64(max(had, 1<<20))))
		b = slices.Grow(b, part)[:had+part]
		if m, err := io.ReadFull(r, b[had:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return b[:had+m], err
		}
	}
	return b, nil
}
