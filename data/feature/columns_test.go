package feature_test

import (
	"fmt"
	"testing"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/text"
	"github.com/gradus-ml/gradus/tensor"
)

// TestByColumn adds up what belongs to a column.
func TestByColumn(t *testing.T) {
	table := rows(t, "a:number b:number c:text d:text at:text",
		[]any{1.0, 10.0, "x", "u", "2024-01-01"}, []any{nil, 30.0, "y", "v", "2024-01-02"}, []any{5.0, 20.0, "x", "w", "2024-01-03"})
	two, names := []string{"a", "b"}, []string{"c", "d"}
	for _, c := range []struct {
		cfg    feature.Config
		values []float32
		want   string
	}{
		{feature.Numeric{Columns: two, Scale: feature.Standard, Missing: feature.MissingMean}, []float32{1, 2}, "[1 2]"},
		{feature.Numeric{Columns: two, Scale: feature.Standard, Missing: feature.MissingMean, Indicator: true}, []float32{1, 2, 10, 20}, "[11 22]"},
		{feature.Numeric{Columns: two, Scale: feature.Unscaled, Missing: feature.MissingMean, Indicator: true, Bins: &feature.Binning{Count: 2, By: "width"}},
			[]float32{1, 2, 3, 4, 10, 20}, "[13 27]"},
		{feature.Category{Columns: names, Encoding: feature.OneHot, Unknown: true, MinCount: 1}, []float32{1, 2, 3, 4, 5, 6, 7}, "[6 22]"},
		{feature.Category{Columns: names, Encoding: feature.ByIndex, Unknown: true, MinCount: 1}, []float32{1, 2}, "[1 2]"},
		{feature.Category{Columns: names, Encoding: feature.ByHash, MinCount: 1, Buckets: 5, Cross: true}, []float32{3}, "[1.5 1.5]"},
		{feature.DateTime{Column: "at", Parts: []feature.DatePart{feature.Instant, feature.Month}}, []float32{1, 2, 3}, "[6]"},
		{feature.Number{Columns: two, Scale: feature.Standard}, []float32{1, 2}, "[1 2]"},
	} {
		table := table
		if n, ok := c.cfg.(feature.Number); ok {
			table = rows(t, "a:number b:number", []any{1.0, 2.0}, []any{2.0, 4.0})
			c.cfg = n
		}
		set, err := feature.Fit(ctx, named(c.cfg), nil, nil, table)
		if err != nil {
			t.Fatal(err)
		}
		e := set.Inputs[0].Encoder
		_, item := e.Item()
		values := tensor.Must(tensor.Of(c.values, len(c.values)))
		if item != values.Shape() {
			t.Fatalf("%+v is %v", c.cfg, item)
		}
		if got := fmt.Sprint(feature.ByColumn(e, values)); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.cfg, got, c.want)
		}
	}
}

// TestShareText finds the words of tokens that are cut off and padded at either
// side.
func TestShareText(t *testing.T) {
	table := rows(t, "a:text", []any{"to be or not to be"})
	values := tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5}, 5))
	for _, c := range []struct {
		pad, truncate feature.Side
		text, want    string
	}{
		{feature.AtEnd, feature.AtEnd, "to be", "[{to 2} {  0} {be 3}]"}, // 1 is the start, 4 the end
		{feature.AtStart, feature.AtEnd, "to be", "[{to 3} {  0} {be 4}]"},
		{feature.AtEnd, feature.AtEnd, "to be or not to", "[{to 2} {  0} {be 3} {  0} {or 4} {  0} {not 5} {  0} {to 0}]"},
		{feature.AtEnd, feature.AtStart, "to be or not to", "[{to 0} {  0} {be 1} {  0} {or 2} {  0} {not 3} {  0} {to 4}]"},
	} {
		cfg := feature.DefaultTokens()
		cfg.Column, cfg.Length, cfg.Pad, cfg.Truncate, cfg.Start, cfg.End = "a", 5, c.pad, c.truncate, true, true
		cfg.Tokenizer = wordsWithEnds()
		set, err := feature.Fit(ctx, named(cfg), nil, nil, table)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := set.Inputs[0].Encoder.(feature.TextEncoder).ShareText(values, c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(parts); got != c.want {
			t.Errorf("pad %s, truncate %s: got %s, want %s", c.pad, c.truncate, got, c.want)
		}
	}
}

func wordsWithEnds() text.Config {
	c := text.DefaultWords()
	c.Specials = text.Specials{text.Padding, text.Unknown, text.Start, text.End}
	return c
}
