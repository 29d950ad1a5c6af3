package recipe

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/text"
)

// opened opens and fits, and returns the first error.
func opened(t *testing.T, d Data, use func(set *feature.Set, tables *Tables) error) error {
	t.Helper()
	f, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tables, err := d.Open(context.Background(), f, 1)
	if err != nil {
		return err
	}
	defer tables.Close()
	set, err := d.Fit(context.Background(), tables)
	if err != nil {
		return err
	}
	return use(set, tables)
}

// What is wrong with rows of validation is told before the first step.
func TestValidationRowsAreChecked(t *testing.T) {
	d := rows(t, 20)
	other := source.DefaultCSV()
	other.Path = []string{filepath.Join(t.TempDir(), "other.csv")}
	if err := os.WriteFile(other.Path[0], []byte("size,kind\n1,a\n2,c\n,a\n3,c\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	d.Validation = &Part{Source: other}
	err := opened(t, d, func(*feature.Set, *Tables) error { return nil })
	want := `data.validation: ` + other.Path[0] + `:3: column kind: "c" is not one of the classes a, b (and in 1 more row)
` + other.Path[0] + `:4: column size: no value; set missing to mean or zero, or leave such rows out`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Texts of their own lengths are kept too, and filled up batch by batch; packed
// ones can't be streamed.
func TestTexts(t *testing.T) {
	d := rows(t, 20)
	tokens := feature.DefaultTokens()
	tokens.Column, tokens.Varying, tokens.Length = "size", true, 8
	tokens.Tokenizer = text.Bytes{Specials: text.Specials{text.Padding}}
	csv := d.Train.(source.CSV)
	csv.Kinds = map[string]source.Kind{"size": source.Text}
	d.Train, d.Shuffle = csv, false
	d.Inputs = []feature.Named{{Name: "text", Config: tokens}}
	err := opened(t, d, func(set *feature.Set, tables *Tables) error {
		feed, err := d.Feed(t.Context(), set, tables.Train, 1)
		if err != nil {
			return err
		}
		for epoch := range 2 {
			for b, err := range feed.From(context.Background(), epoch, 0) {
				if err != nil {
					return err
				}
				if got, want := b.Inputs[0].Shape().Dim(1), 1+b.Index; got != want { // 0..9, 10..19
					t.Errorf("batch %d has texts of %d bytes, want %d", b.Index, got, want)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tokens.Varying, tokens.Pack, tokens.Length = false, &feature.Pack{}, 4
	d.Inputs = []feature.Named{{Name: "text", Config: tokens}}
	d.Targets = []feature.Named{{Name: "next", Config: feature.NextTokens{Input: "text"}}}
	for _, streamed := range []bool{false, true} {
		if streamed {
			d.Stream = &Streaming{Buffer: 1}
		}
		err := opened(t, d, func(set *feature.Set, tables *Tables) error {
			feed, err := d.Feed(t.Context(), set, tables.Train, 1)
			if err != nil {
				return err
			}
			if n, _ := feed.Batches(); n != 1 { // 30 digits are 7 examples
				t.Errorf("%d batches", n)
			}
			return nil
		})
		if streamed != (err != nil) || streamed && !strings.Contains(err.Error(), "texts are packed in memory") {
			t.Errorf("streamed %t: %v", streamed, err)
		}
	}
}
