package stream

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/data/source"
)

// write writes a file of n rows, the grade of one of which is bad.
func write(t *testing.T, n, bad int) source.CSV {
	t.Helper()
	var text strings.Builder
	text.WriteString("size,kind,note,grade\n")
	for i := range n {
		grade := string('x' + rune(i%2))
		if i == bad {
			grade = "?"
		}
		fmt.Fprintf(&text, "%d,%c,%s,%s\n", i, 'a'+i%3, strings.Repeat("z ", 1+i%5), grade)
	}
	cfg := source.DefaultCSV()
	cfg.Path = []string{filepath.Join(t.TempDir(), "rows.csv")}
	if err := os.WriteFile(cfg.Path[0], []byte(text.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// fit learns from a table.
func fit(t *testing.T, table source.Table) *feature.Set {
	t.Helper()
	size, kind, note := feature.DefaultNumeric(), feature.DefaultCategory(), feature.DefaultTokens()
	size.Columns, kind.Columns, note.Column = []string{"size"}, []string{"kind"}, "note"
	note.Length, note.Varying = 8, true
	set, err := feature.Fit(context.Background(),
		[]feature.Named{{Name: "kind", Config: kind}, {Name: "size", Config: size}, {Name: "note", Config: note}},
		[]feature.Named{{Name: "grade", Config: feature.Class{Column: "grade"}}}, nil, table)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Rows that are streamed make the same features and the same batches as rows
// of a table.
func TestStreamedRowsEqualATable(t *testing.T) {
	check := noLeak(t)
	ctx := context.Background()
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	cfg := write(t, 100, -1)
	rows, err := cfg.Stream(ctx, files)
	if err != nil {
		t.Fatal(err)
	}
	table, err := cfg.Open(ctx, files)
	if err != nil {
		t.Fatal(err)
	}
	scan, err := Scan(ctx, rows)
	if err != nil {
		t.Fatal(err)
	}
	set := fit(t, table)
	if scanned := fit(t, scan); !reflect.DeepEqual(scanned, set) {
		t.Errorf("fitted %+v, by the table %+v", scanned, set)
	}
	ds, err := set.Dataset(table, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	pad := ds.Padding()
	loader, err := data.NewLoader(ds, data.LoaderConfig{Batch: 7, Pad: pad})
	if err != nil {
		t.Fatal(err)
	}
	feed, err := NewFeed(Encode(Rows(rows, Columns(set)...), set, 1, true, Workers(2)), FeedConfig{Batch: 7, Pad: pad})
	if err != nil {
		t.Fatal(err)
	}
	record := func(f data.Feed) (all []string) {
		for b, err := range f.From(ctx, 1, 3) {
			if err != nil {
				t.Fatal(err)
			}
			line := fmt.Sprint(b.Epoch, b.Index, b.Items)
			for _, x := range b.Inputs {
				line += fmt.Sprint(x, x.Bytes())
			}
			all = append(all, line)
		}
		return all
	}
	if got, want := record(feed), record(loader); !slices.Equal(got, want) || len(got) != 12 {
		t.Errorf("batches\n%s\nof the table\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, close := range []func() error{scan.Close, table.Close, files.Close} {
		if err := close(); err != nil {
			t.Error(err)
		}
	}
	check(&world{})
}

// A label that the training rows lack is found before training, with its line,
// and again when it is read.
func TestStreamedMistakes(t *testing.T) {
	ctx := context.Background()
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	scan := func(bad int) *ScanTable {
		rows, err := write(t, 100, bad).Stream(ctx, files)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Scan(ctx, rows)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good, bad := scan(-1), scan(70)
	defer good.Close()
	defer bad.Close()
	set := fit(t, good)
	ds, err := set.Dataset(bad, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := ds.Check(ctx); err == nil || !strings.Contains(err.Error(), "rows.csv:72") {
		t.Errorf("check: %v", err)
	}
	n := 0
	for _, err = range Encode(bad.Rows(Columns(set)...), set, 1, false).From(ctx, 0, 0) {
		n++
	}
	if n != 71 || err == nil || !strings.Contains(err.Error(), "element 70: ") || !strings.Contains(err.Error(), "rows.csv:72") {
		t.Errorf("after %d examples: %v", n, err)
	}
	if err := Encode(bad.Rows("nothing"), set, 1, false).Err(); err == nil || !strings.Contains(err.Error(), `no column "nothing"`) {
		t.Errorf("error %v", err)
	}
	for _, err := range Encode(bad.Rows("size"), set, 1, false).From(ctx, 0, 0) {
		if err == nil || !strings.Contains(err.Error(), "1 values in a row, want those of [kind size note grade]") {
			t.Errorf("error %v", err)
		}
	}
	packs := &feature.Set{Inputs: []feature.Fitted{{Name: "text", Encoder: &feature.TokensEncoder{Pack: &feature.Pack{}}}}}
	if err := Encode(bad.Rows("size"), packs, 1, false).Err(); err == nil || !strings.Contains(err.Error(), "input text packs texts") {
		t.Errorf("error %v", err)
	}
}

// A scan goes back and on, and reads only what it is asked for.
func TestScan(t *testing.T) {
	check := noLeak(t)
	src := &generated{n: 20}
	s, err := Scan(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	if src.values != 0 {
		t.Errorf("%d values were made to count rows", src.values)
	}
	if n, ok := s.Rows("a").Len(); n != 20 || !ok || len(read(t, s.Rows("a"), 0, 5)) != 15 {
		t.Errorf("%d rows, %v", n, ok)
	}
	if s.Len() != 20 {
		t.Errorf("%d rows", s.Len())
	}
	for _, c := range []struct {
		i       int
		columns []int
		values  int // that the source made for it
	}{{3, []int{0}, 1}, {3, []int{0}, 0}, {7, []int{0}, 4}, {5, []int{0}, 1}, {5, []int{1, 0}, 2}, {6, []int{1}, 2}} {
		src.values = 0
		dst := make([]any, len(c.columns))
		if err := s.Read(dst, c.i, c.columns); err != nil {
			t.Fatal(err)
		}
		for k, column := range c.columns {
			if dst[k] != int64(c.i*(column+1)) {
				t.Errorf("row %d column %d: %v", c.i, column, dst[k])
			}
		}
		if where := s.Where(c.i); where != fmt.Sprint("row ", c.i) || src.values != c.values {
			t.Errorf("row %d at %q, with %d values, want %d", c.i, where, src.values, c.values)
		}
	}
	src.n = 10
	if err := s.Read(make([]any, 1), 15, []int{0}); err == nil || !strings.Contains(err.Error(), "row 15 of 20 is missing: the files have changed") {
		t.Errorf("error %v", err)
	}
	if err := s.Read(make([]any, 1), 4, []int{0}); err != nil {
		t.Errorf("after an error: %v", err)
	}
	s.Close()
	check(&world{})
}

// BenchmarkRows reads rows of 20 numbers and a class: as they are, as
// examples, and as batches of a feed with a shuffle and two workers.
func BenchmarkRows(b *testing.B) {
	const n = 10000
	var text strings.Builder
	var names []string
	for c := range 20 {
		names = append(names, fmt.Sprint("x", c))
	}
	fmt.Fprintln(&text, strings.Join(names, ",")+",y")
	for i := range n {
		for c := range 20 {
			fmt.Fprintf(&text, "%d.%03d,", i*c%97, (i*31+c)%1000)
		}
		fmt.Fprintf(&text, "%c\n", 'a'+i%4)
	}
	cfg := source.DefaultCSV()
	cfg.Path = []string{filepath.Join(b.TempDir(), "rows.csv")}
	if err := os.WriteFile(cfg.Path[0], []byte(text.String()), 0o666); err != nil {
		b.Fatal(err)
	}
	files, err := file.New()
	if err != nil {
		b.Fatal(err)
	}
	defer files.Close()
	ctx := context.Background()
	src, err := cfg.Stream(ctx, files)
	if err != nil {
		b.Fatal(err)
	}
	scan, err := Scan(ctx, src)
	if err != nil {
		b.Fatal(err)
	}
	defer scan.Close()
	x := feature.DefaultNumeric()
	x.Columns = names
	set, err := feature.Fit(ctx, []feature.Named{{Name: "x", Config: x}}, []feature.Named{{Name: "y", Config: feature.Class{Column: "y"}}}, nil, scan)
	if err != nil {
		b.Fatal(err)
	}
	rows := scan.Rows(Columns(set)...)
	feed, err := NewFeed(Encode(Shuffle(rows, 1000, 1), set, 1, true, Workers(2)), FeedConfig{Batch: 100})
	if err != nil {
		b.Fatal(err)
	}
	examples := Encode(rows, set, 1, true)
	for name, read := range map[string]func() error{
		"rows":     func() error { return drain(rows.From(ctx, 0, 0)) },
		"examples": func() error { return drain(examples.From(ctx, 0, 0)) },
		"feed":     func() error { return drain(feed.From(ctx, 0, 0)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(text.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}

func drain[T any](s iter.Seq2[T, error]) error {
	for _, err := range s {
		if err != nil {
			return err
		}
	}
	return nil
}
