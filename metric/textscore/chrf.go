package textscore

import (
	"math"
	"strings"
	"unicode"
)

// The longest runs of characters and words that chrF counts.
const (
	chrfCharacters = 6
	chrfWords      = 2
)

// ChrF is the F-score of n-grams of characters, 1 to 6, whitespace left out:
//
//	chrF = 5 P R / (4 P + R)
//
// with P and R the means over n of the shares of n-grams of the hypotheses that
// are in the references, and the other way round, over all texts. Of several
// references of a text that counts which gives it the best score. With Words,
// chrF++, n-grams of one and two words count besides.
//
// Source: Popović, "chrF: character n-gram F-score for automatic MT evaluation"
// (2015); sacrebleu 2.6.0, whose corpus score it is, divided by 100.
type ChrF struct {
	Words bool

	counts chrfCounts
	texts  int
}

// chrfCounts are how many n-grams of each order there are in hypotheses, in
// references, and in both.
type chrfCounts [chrfCharacters + chrfWords]struct{ hypothesis, reference, both int }

// Add counts a text that was written, and those that it may be.
func (c *ChrF) Add(hypothesis string, references ...string) {
	var best chrfCounts
	score := math.Inf(-1)
	mine := c.grams(hypothesis)
	for _, r := range references {
		var counts chrfCounts
		for n, ref := range c.grams(r) {
			k := &counts[n]
			for gram, times := range mine[n] {
				k.hypothesis += times
				k.both += min(times, ref[gram])
			}
			for _, times := range ref {
				k.reference += times
			}
			if len(ref) == 0 { // such a text has no share in either mean
				k.hypothesis = 0
			}
		}
		if s := counts.score(); s > score {
			best, score = counts, s
		}
	}
	c.counts.add(&best)
	c.texts++
}

// Merge adds what another has seen.
func (c *ChrF) Merge(other *ChrF) {
	c.counts.add(&other.counts)
	c.texts += other.texts
}

// Value is 0 to 1.
func (c *ChrF) Value() float64 {
	if c.texts == 0 {
		return math.NaN()
	}
	return c.counts.score()
}

// Reset forgets all texts.
func (c *ChrF) Reset() { *c = ChrF{Words: c.Words} }

func (c *chrfCounts) add(other *chrfCounts) {
	for n, k := range other {
		c[n].hypothesis += k.hypothesis
		c[n].reference += k.reference
		c[n].both += k.both
	}
}

func (c *chrfCounts) score() float64 {
	var precision, recall float64
	orders := 0.0
	for _, k := range c {
		if k.hypothesis > 0 && k.reference > 0 {
			precision += float64(k.both) / float64(k.hypothesis)
			recall += float64(k.both) / float64(k.reference)
			orders++
		}
	}
	if precision+recall == 0 {
		return 0
	}
	precision, recall = precision/orders, recall/orders
	const beta2 = 2 * 2 // recall counts twice as much as precision
	return (1 + beta2) * precision * recall / (beta2*precision + recall)
}

// grams counts the n-grams of a text, by order.
func (c *ChrF) grams(text string) (list [chrfCharacters + chrfWords]map[string]int) {
	var characters []string
	for _, r := range text {
		if !unicode.IsSpace(r) {
			characters = append(characters, string(r))
		}
	}
	for n := range chrfCharacters {
		list[n] = grams(characters, n+1, n+1)
	}
	if c.Words {
		words := chrfCut(text)
		for n := range chrfWords {
			list[chrfCharacters+n] = grams(words, n+1, n+1)
		}
	}
	return list
}

// chrfCut cuts a text at whitespace, and a mark of punctuation off the end of a
// word, or else off its start.
func chrfCut(text string) []string {
	const marks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	var words []string
	for _, w := range strings.Fields(text) {
		last := len(w) - 1
		switch {
		case len(w) > 1 && strings.IndexByte(marks, w[last]) >= 0:
			words = append(words, w[:last], w[last:])
		case len(w) > 1 && strings.IndexByte(marks, w[0]) >= 0:
			words = append(words, w[:1], w[1:])
		default:
			words = append(words, w)
		}
	}
	return words
}
