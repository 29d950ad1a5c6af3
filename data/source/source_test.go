package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gradus-ml/gradus/tensor"
)

// A disk is the Files of the tests: those of one folder.
type disk string

func (d disk) Find(ctx context.Context, pattern string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(string(d), pattern))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s: %w", pattern, fs.ErrNotExist)
	}
	for i, path := range paths {
		rel, _ := filepath.Rel(string(d), path)
		paths[i] = filepath.ToSlash(rel)
	}
	return paths, err
}

func (d disk) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(string(d), name))
	if err != nil || !strings.HasSuffix(name, ".gz") {
		return f, err
	}
	z, err := gzip.NewReader(f)
	return struct {
		io.Reader
		io.Closer
	}{z, f}, err
}

func (d disk) Local(ctx context.Context, name string) (string, error) {
	if !strings.HasSuffix(name, ".gz") {
		return filepath.Join(string(d), name), nil
	}
	r, err := d.Open(ctx, name)
	if err != nil {
		return "", err
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	path := filepath.Join(string(d), strings.TrimSuffix(name, ".gz")+".unpacked")
	return path, os.WriteFile(path, content, 0o644)
}

// folderOf writes files, in turn name and content.
func folderOf(t testing.TB, files ...string) disk {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return disk(dir)
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

// show prints columns and rows as %v does, one a line, with tensors' content.
func show(columns []Column, rows [][]any) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s:%v", c.Name, c.Kind)
	}
	for _, row := range rows {
		b.WriteByte('\n')
		for i, v := range row {
			if i > 0 {
				b.WriteByte('|')
			}
			if a, ok := v.(*tensor.Tensor); ok {
				fmt.Fprintf(&b, "%v", a)
				for k := range a.Size() {
					fmt.Fprintf(&b, " %v", a.Float(k))
				}
				continue
			}
			fmt.Fprintf(&b, "%v", v)
		}
	}
	return b.String()
}

// all numbers every column.
func all(columns []Column) []int {
	n := make([]int, len(columns))
	for i := range n {
		n[i] = i
	}
	return n
}

// readTable reads every row and checks that values have their column's kind.
func readTable(t testing.TB, table Table) (rows [][]any, where []string) {
	t.Helper()
	columns := table.Columns()
	for i := range table.Len() {
		row := make([]any, len(columns))
		if err := table.Read(row, i, all(columns)); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		for c, v := range row {
			if v != nil && !columns[c].Kind.holds(v) {
				t.Fatalf("row %d: column %s is %v, the value is a %T", i, columns[c].Name, columns[c].Kind, v)
			}
		}
		rows = append(rows, row)
		where = append(where, table.Where(i))
	}
	return rows, where
}

func readStream(ctx context.Context, s Stream, columns []int, from int) (rows [][]any, where []string, err error) {
	for row, err := range s.Rows(ctx, columns, from) {
		if err != nil {
			return rows, where, err
		}
		rows = append(rows, slices.Clone(row.Values))
		where = append(where, row.Where)
	}
	return rows, where, nil
}

// opens checks what a config gives: as a table and as a stream the same rows
// at the same places, from any row on, of any columns, and by many at once.
// It returns what show prints, and the places.
func opens(t *testing.T, c Config, files Files) (content string, where []string) {
	t.Helper()
	ctx := t.Context()
	table, err := c.Open(ctx, files)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	}()
	columns := table.Columns()
	rows, where := readTable(t, table)
	stream, err := c.Stream(ctx, files)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(stream.Columns(), columns) {
		t.Errorf("the stream has columns %v, the table %v", stream.Columns(), columns)
	}
	content = show(columns, rows)
	for _, from := range []int{0, 1, len(rows)} {
		if from > len(rows) {
			continue
		}
		got, places, err := readStream(ctx, stream, all(columns), from)
		if err != nil {
			t.Fatal(err)
		}
		if s := show(columns, got); s != show(columns, rows[from:]) {
			t.Errorf("rows of the stream from %d:\n%s\nof the table:\n%s", from, s, show(columns, rows[from:]))
		}
		if !slices.Equal(places, where[from:]) {
			t.Errorf("places of the stream from %d: %q, of the table %q", from, places, where[from:])
		}
	}
	var wg sync.WaitGroup
	for c := range columns {
		wg.Go(func() {
			for i := len(rows) - 1; i >= 0; i-- {
				var v [2]any
				if err := table.Read(v[:], i, []int{c, 0}); err != nil {
					t.Error(err)
				} else if s := show(nil, [][]any{{v[0], v[1]}}); s != show(nil, [][]any{{rows[i][c], rows[i][0]}}) {
					t.Errorf("row %d, column %d: %s", i, c, s)
				}
			}
		})
	}
	wg.Wait()
	stops(t, stream, len(rows))
	return content, where
}

// stops leaves a stream early and by its context: both end it, with what was
// open closed.
func stops(t *testing.T, s Stream, rows int) {
	t.Helper()
	files := openFiles(t)
	n := 0
	for _, err := range s.Rows(t.Context(), nil, 0) {
		if err != nil {
			t.Error(err)
		}
		if n++; n == 1 {
			break
		}
	}
	if n != min(1, rows) {
		t.Errorf("a stream left after one row gave %d", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := readStream(ctx, s, nil, 0); !errors.Is(err, context.Canceled) && rows > 0 {
		t.Errorf("a stream with a cancelled context: error %v", err)
	}
	if now := openFiles(t); now > files {
		t.Errorf("%d files are open, %d were before the stream", now, files)
	}
}

// openFiles counts the open files of the process, where the system tells.
func openFiles(t *testing.T) int {
	if runtime.GOOS != "linux" {
		return 0
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// fails checks that neither a table nor a stream opens, or that reading ends
// in an error, and that it says so.
func fails(t *testing.T, c Config, files Files, want string) {
	t.Helper()
	table, err := c.Open(t.Context(), files)
	if err == nil {
		row := make([]any, len(table.Columns()))
		for i := range table.Len() {
			if err = table.Read(row, i, all(table.Columns())); err != nil {
				break
			}
		}
		table.Close()
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("table:  %v\nwant ...%s", err, want)
	}
	s, err := c.Stream(t.Context(), files)
	if err == nil {
		_, _, err = readStream(t.Context(), s, all(s.Columns()), 0)
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("stream: %v\nwant ...%s", err, want)
	}
}

func TestIndex(t *testing.T) {
	columns := []Column{{"a", Text}, {"b", Number}}
	if got, err := Index(columns, "b", "a", "b"); err != nil || !slices.Equal(got, []int{1, 0, 1}) {
		t.Error(got, err)
	}
	_, err := Index(columns, "a", "c")
	var missing *MissingColumnError
	if !errors.As(err, &missing) || missing.Name != "c" || err.Error() != `no column "c"; there are a, b` {
		t.Error(err)
	}
}

func TestKindText(t *testing.T) {
	for k := Text; k <= Array; k++ {
		text, err := k.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Kind
		if err := back.UnmarshalText(text); err != nil || back != k {
			t.Error(k, back, err)
		}
	}
	var k Kind
	if err := k.UnmarshalText([]byte("date")); err == nil || !strings.Contains(err.Error(), "there are text, number") {
		t.Error(err)
	}
	if _, err := Kind(9).MarshalText(); err == nil {
		t.Error("kind 9 has a name")
	}
}

func TestMemory(t *testing.T) {
	a := tensor.Must(tensor.Of([]float32{1, 2}))
	columns := []Column{{"text", Text}, {"x", Number}, {"n", Integer}, {"ok", Boolean}, {"file", Binary}, {"a", Array}}
	m, err := Rows("made", columns, []any{"hi", 1.5, int64(2), true, []byte("x"), a}, make([]any, 6))
	if err != nil {
		t.Fatal(err)
	}
	rows, where := readTable(t, m)
	if !reflect.DeepEqual(rows[0], []any{"hi", 1.5, int64(2), true, []byte("x"), a}) || rows[1][3] != nil {
		t.Error(rows)
	}
	if where[1] != "made: row 1" {
		t.Error(where)
	}
	got, places, err := readStream(t.Context(), Sequence(m), all(columns), 1)
	if err != nil || len(got) != 1 || places[0] != where[1] {
		t.Error(got, places, err)
	}
	stops(t, Sequence(m), 2)
	for _, c := range []struct {
		rows [][]any
		want string
	}{
		{[][]any{{"hi"}}, "row 0 has 1 values, want 6"},
		{[][]any{{"hi", 1, nil, nil, nil, nil}}, "row 0: column x: int is no number"},
		{[][]any{{nil, nil, nil, nil, nil, a}, {nil, nil, nil, nil, nil, tensor.Scalar[float32](1)}}, "row 1: column a: f32[], in a row before it f32[2]"},
	} {
		if _, err := Rows("made", columns, c.rows...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	if _, err := Rows("made", []Column{{"x", Text}, {"x", Text}}); err == nil || !strings.Contains(err.Error(), `columns 1 and 2 are both named "x"`) {
		t.Error(err)
	}
}

func TestConcatAndSubset(t *testing.T) {
	a, _ := Rows("a", []Column{{"x", Integer}, {"y", Text}}, []any{int64(1), "one"}, []any{int64(2), "two"})
	b, _ := Rows("b", []Column{{"z", Text}, {"y", Text}, {"x", Integer}}, []any{"?", "three", int64(3)})
	none, _ := Rows("none", a.Columns())
	both, err := Concat(a, none, b)
	if err != nil {
		t.Fatal(err)
	}
	rows, where := readTable(t, both)
	if got := show(both.Columns(), rows); got != "x:integer y:text\n1|one\n2|two\n3|three" {
		t.Error(got)
	}
	if !slices.Equal(where, []string{"a: row 0", "a: row 1", "b: row 0"}) {
		t.Error(where)
	}
	part, err := Subset(both, []int{2, 0, 2})
	if err != nil {
		t.Fatal(err)
	}
	rows, where = readTable(t, part)
	if got := show(nil, rows); got != "\n3|three\n1|one\n3|three" || where[0] != "b: row 0" {
		t.Error(got, where)
	}
	if _, err := Subset(a, []int{0, 2}); err == nil || err.Error() != "source: row 2 at 1, want 0 to 1" {
		t.Error(err)
	}
	if _, err := Concat(b, a); err == nil || err.Error() != `source: table 2 of 2: no column "z"; there are x, y` {
		t.Error(err)
	}
	c, _ := Rows("c", []Column{{"x", Number}, {"y", Text}})
	if _, err := Concat(a, c); err == nil || !strings.Contains(err.Error(), "column x is number, in the first it is integer") {
		t.Error(err)
	}
	if _, err := Concat(); err == nil {
		t.Error("nothing is joined")
	}
}

// Rows hash alike exactly when their values are the same.
func TestHash(t *testing.T) {
	columns := []Column{{"a", Text}, {"b", Text}}
	other := []Column{{"a", Array}, {"b", Binary}}
	numbers := []Column{{"a", Number}, {"b", Integer}}
	m := func(c []Column, values ...any) Table {
		t.Helper()
		table, err := Rows("m", c, values)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	tables := []Table{
		m(columns, "ab", "c"), m(columns, "a", "bc"), m(columns, "abc", nil), m(columns, nil, "abc"), m(columns, "abc", ""),
		m(other, nil, []byte("abc")), m(other, tensor.Must(tensor.Of([]float32{1, 2})), nil),
		m(other, tensor.Must(tensor.Of([]float32{1, 2}, 1, 2)), nil), m(other, tensor.Must(tensor.Of([]uint8{0, 1}, 1, 2)), nil),
		m(numbers, 1.0, int64(1)), m(numbers, 1.0, nil), m(numbers, nil, int64(1)), m(numbers, math.NaN(), nil),
	}
	seen := map[[16]byte]int{}
	for i, table := range tables {
		h, err := Hash(table, 0, []int{0, 1})
		if err != nil {
			t.Fatal(err)
		}
		if k, twice := seen[h]; twice {
			t.Errorf("tables %d and %d have one hash", k, i)
		}
		seen[h] = i
	}
	first, _ := Hash(tables[0], 0, []int{0, 1})
	if again, _ := Hash(m(columns, "ab", "c"), 0, []int{0, 1}); again != first {
		t.Error("equal rows have two hashes")
	}
	nan, _ := Hash(tables[len(tables)-1], 0, []int{0})
	if other, _ := Hash(m(numbers, -math.NaN(), nil), 0, []int{0}); other != nan {
		t.Error("NaN has two hashes")
	}
	// The first bytes of sha256(b"t" + (2).to_bytes(8, "little") + b"ab") in Python.
	if h, _ := Hash(tables[0], 0, []int{0}); fmt.Sprintf("%x", h[:4]) != "0e58af96" {
		t.Errorf("hash %x", h)
	}
}
