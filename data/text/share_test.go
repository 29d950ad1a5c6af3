package text

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// TestNGramsShare divides values so that nothing is lost, and the parts are the
// text.
func TestNGramsShare(t *testing.T) {
	for _, c := range []struct {
		cfg  NGrams
		text string
		want []string // the parts that have a share
	}{
		{NGrams{"words", 1, 1, 1 << 20, true, KeepPunctuation}, "Free MONEY, free!", []string{"Free", "MONEY", ",", "free", "!"}},
		{NGrams{"words", 1, 3, 64, true, DropPunctuation}, "  Das Öl\nund DIE İde'e  ", []string{"Das", "Öl", "und", "DIE", "İde'e"}},
		{NGrams{"words", 4, 4, 64, true, DropPunctuation}, "too short a", nil},
		{NGrams{"characters", 2, 3, 64, true, KeepPunctuation}, "Añ\xffB", []string{"A", "ñ", "\xff", "B"}},
		{NGrams{"words", 1, 2, 64, true, KeepPunctuation}, "n\u0303o\u0303", []string{"ñõ"}},
		{NGrams{"words", 1, 2, 64, true, KeepPunctuation}, "", nil},
	} {
		values, counts := make([]float32, c.cfg.Buckets), make([]float32, c.cfg.Buckets)
		c.cfg.Count(counts, c.text)
		want := 0.0
		for i := range counts {
			values[i] = float32(i%7) + 1 // of places that do not count too
			if counts[i] > 0 {
				want += float64(values[i])
			}
		}
		var whole strings.Builder
		var got []string
		sum := 0.0
		for _, p := range c.cfg.Share(values, c.text) {
			whole.WriteString(p.Text)
			sum += p.Share
			if p.Share != 0 {
				got = append(got, p.Text)
			}
		}
		if whole.String() != norm.NFC.String(c.text) {
			t.Errorf("%q: the parts are %q", c.text, whole.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: shares of %q, want %q", c.text, got, c.want)
		}
		if math.Abs(sum-want) > 1e-9*want {
			t.Errorf("%q: the shares add up to %v, want %v", c.text, sum, want)
		}
	}
	// A pair of words gives half to each.
	cfg := NGrams{"words", 2, 2, 1 << 20, false, DropPunctuation}
	values := make([]float32, cfg.Buckets)
	counts := make([]float32, cfg.Buckets)
	cfg.Count(counts, "b c")
	values[slices.Index(counts, 1)] = 8
	if got, want := fmt.Sprint(cfg.Share(values, "a b c")), "[{a 0} {  0} {b 4} {  0} {c 4}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestShareTokens finds the words of tokens, and pieces.
func TestShareTokens(t *testing.T) {
	shares := []float64{1, 2, 3}
	for _, c := range []struct {
		cfg  Config
		text string
		want string
	}{
		{DefaultWords(), "The cat, unknown", "[{The 1} {  0} {cat 2} {, 3} {  0} {unknown 0}]"},
		{DefaultCharacters(), "the", "[{t 1} {h 2} {e 3}]"},
	} {
		tr := c.cfg.Trainer()
		tr.Add("the cat , the cat")
		tok, err := tr.Tokenizer()
		if err != nil {
			t.Fatal(err)
		}
		parts, err := ShareTokens(tok, shares, c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(parts); got != c.want {
			t.Errorf("%T: got %s, want %s", c.cfg, got, c.want)
		}
	}
}
