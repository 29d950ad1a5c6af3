package recipe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/data/source"
)

// rows is the data section of a file of n rows: size i, kind a for one in ten
// and b for the others, share i%4.
func rows(t *testing.T, n int) Data {
	t.Helper()
	var text strings.Builder
	text.WriteString("size,kind,share\n")
	for i := range n {
		kind := "b"
		if i%10 == 0 {
			kind = "a"
		}
		fmt.Fprintf(&text, "%d,%s,%d\n", i, kind, i%4)
	}
	cfg := source.DefaultCSV()
	cfg.Path = []string{filepath.Join(t.TempDir(), "rows.csv")}
	if err := os.WriteFile(cfg.Path[0], []byte(text.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	size := feature.DefaultNumeric()
	size.Columns, size.Scale = []string{"size"}, feature.Unscaled
	d := Default().Data
	d.Train, d.Batch, d.Workers = cfg, 10, 2
	d.Inputs = []feature.Named{{Name: "size", Config: size}}
	d.Targets = []feature.Named{{Name: "kind", Config: feature.Class{Column: "kind"}}}
	return d
}

// sizes are those of an epoch of training, from a batch on.
func sizes(t *testing.T, d Data, epoch, index int) (all []int) {
	t.Helper()
	f, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx := context.Background()
	tables, err := d.Open(ctx, f, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer tables.Close()
	set, err := d.Fit(ctx, tables)
	if err != nil {
		t.Fatal(err)
	}
	feed, err := d.Feed(t.Context(), set, tables.Train, 1)
	if err != nil {
		t.Fatal(err)
	}
	batches := index
	for b, err := range feed.From(ctx, epoch, index) {
		if err != nil {
			t.Fatal(err)
		}
		batches++
		for k := range b.N {
			all = append(all, int(b.Inputs[0].Float(k)))
		}
	}
	if n, ok := feed.Batches(); !ok || n != batches {
		t.Errorf("%d batches, told %d, %v", batches, n, ok)
	}
	return all
}

// Streamed rows are the rows of the table; shuffled, they are in an order of
// their own, which a run goes on with.
func TestStreaming(t *testing.T) {
	d := rows(t, 95)
	d.Shuffle = false
	want := sizes(t, d, 0, 0)
	d.Stream = &Streaming{Buffer: 30}
	if got := sizes(t, d, 0, 0); !slices.Equal(got, want) || len(got) != 95 {
		t.Errorf("streamed %v", got)
	}
	d.Shuffle = true
	whole := sizes(t, d, 2, 0)
	if rest := sizes(t, d, 2, 4); !slices.Equal(rest, whole[40:]) {
		t.Errorf("from batch 4 %v, want %v", rest, whole[40:])
	}
	if slices.IsSorted(whole) {
		t.Error("the rows are not shuffled")
	}
	if slices.Sort(whole); !slices.Equal(whole, want) {
		t.Errorf("shuffled %v", whole)
	}
}

func TestSampling(t *testing.T) {
	n := 4000
	d := rows(t, 100)
	d.Sample = &Sampling{Balance: new("kind"), Rows: &n}
	rare := 0
	for _, size := range sizes(t, d, 0, 0) {
		if size%10 == 0 {
			rare++
		}
	}
	if rare < 1840 || rare > 2160 { // five deviations of 32
		t.Errorf("%d of 4000 rows are of the class with a tenth of them", rare)
	}
	d.Sample = &Sampling{Weight: new("share")}
	var count [4]int
	for epoch := range 40 {
		got := sizes(t, d, epoch, 0)
		if len(got) != 100 {
			t.Fatalf("%d rows", len(got))
		}
		for _, size := range got {
			count[size%4]++
		}
	}
	for k, c := range count {
		if want := 4000 * k / 6; c < want-160 || c > want+160 {
			t.Errorf("%d of 4000 rows have weight %d, want %d", c, k, want)
		}
	}
}

func TestRowsMistakes(t *testing.T) {
	share, none := 0.1, 0
	for _, c := range []struct {
		change func(d *Data)
		want   string
	}{
		{func(d *Data) { d.Stream = &Streaming{} }, "data.stream.buffer: must be at least 1"},
		{func(d *Data) { d.Stream, d.Test = &Streaming{1}, &Part{Share: &share} }, "data.test.share: asks for rows in any order"},
		{func(d *Data) { d.Stream, d.Validation = &Streaming{1}, &Part{Share: &share} }, "data.validation.share: asks for rows in any order"},
		{func(d *Data) { d.Stream, d.Sample = &Streaming{1}, &Sampling{Weight: new("share")} }, "data.sample: asks for rows in any order"},
		{func(d *Data) { d.Sample = &Sampling{} }, "data.sample: wants a column"},
		{func(d *Data) { d.Sample = &Sampling{Weight: new("share"), Balance: new("kind")} }, "data.sample: wants a column"},
		{func(d *Data) { d.Sample = &Sampling{Weight: new("share"), Rows: &none} }, "data.sample.rows: must be at least 1, got 0"},
		{func(d *Data) { d.Sample = &Sampling{Weight: new("kind")} }, "data.sample: column kind is one of text, want numbers"},
		{func(d *Data) { d.Sample = &Sampling{Weight: new("shares")} }, `data.sample: no column "shares"`},
		{func(d *Data) {
			d.Sample, d.Pad = &Sampling{Weight: new("share")}, &data.Padding{Values: []*float64{&share}, Buckets: []int{1}}
		}, "shuffle and buckets can't do so too"},
	} {
		d := rows(t, 20)
		c.change(&d)
		f, err := file.New()
		if err != nil {
			t.Fatal(err)
		}
		tables, err := d.Open(context.Background(), f, 1)
		if err == nil {
			var set *feature.Set
			if set, err = d.Fit(context.Background(), tables); err != nil {
				t.Fatal(err)
			}
			_, err = d.Feed(t.Context(), set, tables.Train, 1)
			tables.Close()
		}
		f.Close()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// Weights that can't be are told with their line.
func TestSamplingOfBadWeights(t *testing.T) {
	for text, want := range map[string]string{
		"size,share\n1,2\n2,\n":   "rows.csv:3: column share has no value",
		"size,share\n1,2\n2,-1\n": "rows.csv:3: column share: the weight -1, want at least 0",
		"size,share\n1,0\n2,0\n":  "2 weights with sum 0",
	} {
		cfg := source.DefaultCSV()
		cfg.Path = []string{filepath.Join(t.TempDir(), "rows.csv")}
		if err := os.WriteFile(cfg.Path[0], []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := file.New()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		table, err := cfg.Open(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close()
		s := &Sampling{Weight: new("share")}
		if _, err := s.sampler(table, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The settings are keys of a recipe.
func TestRowsSettings(t *testing.T) {
	var d Data
	text := "sample: {balance: kind, rows: 50}\nstream: {buffer: 7}\n"
	if err := config.Decode([]byte(text), "data.yaml", &d, nil); err != nil {
		t.Fatal(err)
	}
	if *d.Sample.Balance != "kind" || *d.Sample.Rows != 50 || d.Sample.Weight != nil || d.Stream.Buffer != 7 {
		t.Errorf("%+v", d)
	}
}
