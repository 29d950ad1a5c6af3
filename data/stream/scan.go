package stream

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/gradus-ml/gradus/data/source"
)

// A ScanTable is a Table over a Stream, for what goes through all rows in their
// order: fitting, checking, counting. Reading row after row takes one pass; to
// go back begins a new one. It holds one row at a time.
type ScanTable struct {
	files source.Stream
	rows  int

	mu      sync.Mutex
	columns []int // that the pass under way reads
	at      int   // number of row; -1 before the first
	row     source.Row
	next    func() (source.Row, error, bool) // nil when no pass is under way
	stop    func()
}

// Scan counts the rows of a stream, and returns a table of them.
func Scan(ctx context.Context, files source.Stream) (*ScanTable, error) {
	n, err := Rows(files).count(ctx, 0)
	if err != nil {
		return nil, err
	}
	return &ScanTable{files: files, rows: n}, nil
}

// Rows is Rows of the stream, with the number that Scan counted.
func (t *ScanTable) Rows(names ...string) *Stream[source.Row] {
	s := Rows(t.files, names...)
	if s.err == nil {
		s.n, s.known = t.rows, true
		s.count = counted(s)
	}
	return s
}

// Columns are those of the stream.
func (t *ScanTable) Columns() []source.Column { return t.files.Columns() }

// Len is the number of rows.
func (t *ScanTable) Len() int { return t.rows }

// Read gives the values of row i.
func (t *ScanTable) Read(dst []any, i int, columns []int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.seek(i, columns); err != nil {
		return err
	}
	for k, c := range columns {
		dst[k] = t.row.Values[slices.Index(t.columns, c)]
	}
	return nil
}

// Where says where row i comes from.
func (t *ScanTable) Where(i int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.seek(i, nil); err != nil {
		return fmt.Sprintf("row %d", i)
	}
	return t.row.Where
}

// seek makes i the row at hand.
func (t *ScanTable) seek(i int, columns []int) error {
	missing := slices.ContainsFunc(columns, func(c int) bool { return !slices.Contains(t.columns, c) })
	if t.next == nil || i < t.at || missing {
		t.end()
		if missing {
			t.columns = slices.Clone(columns)
		}
		t.at = i - 1
		t.next, t.stop = iter.Pull2(t.files.Rows(context.Background(), t.columns, i))
	}
	for t.at < i {
		row, err, ok := t.next()
		if err == nil && !ok {
			err = fmt.Errorf("stream: row %d of %d is missing: the files have changed", i, t.rows)
		}
		if err != nil {
			t.end()
			return err
		}
		t.row = row
		t.at++
	}
	return nil
}

func (t *ScanTable) end() {
	if t.next != nil {
		t.stop()
		t.next, t.stop = nil, nil
	}
}

// Close ends the pass under way.
func (t *ScanTable) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end()
	return nil
}
