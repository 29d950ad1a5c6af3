package textscore

import (
	"math"
	"strings"
)

// ErrorRate is the least number of words that must be put in, taken out or
// replaced to make the references of the hypotheses, divided by the number of
// words in the references: the word error rate of a transcript, WER. With
// Characters it is that of characters, CER, spaces among them. It may be more
// than 1.
//
// Source: jiwer 4.0.0, wer and cer without its options. Words are parted by any
// whitespace, case and punctuation count.
type ErrorRate struct {
	Characters bool

	errors, all, texts int
}

// Add counts a text that was written, and the one that it should be.
func (e *ErrorRate) Add(hypothesis, reference string) {
	a, b := e.cut(hypothesis), e.cut(reference)
	e.errors += edits(a, b)
	e.all += len(b)
	e.texts++
}

func (e *ErrorRate) cut(text string) []string {
	if e.Characters {
		return strings.Split(strings.TrimSpace(text), "")
	}
	return strings.Fields(text)
}

// Merge adds what another has seen, which must be of the same kind.
func (e *ErrorRate) Merge(other *ErrorRate) {
	e.errors += other.errors
	e.all += other.all
	e.texts += other.texts
}

// Value is from 0 up.
func (e *ErrorRate) Value() float64 {
	if e.texts == 0 {
		return math.NaN()
	}
	if e.errors == 0 {
		return 0
	}
	return float64(e.errors) / float64(e.all)
}

// Reset forgets all texts.
func (e *ErrorRate) Reset() { *e = ErrorRate{Characters: e.Characters} }

// edits is the Levenshtein distance.
func edits(a, b []string) int {
	row := make([]int, len(b)+1) // from what is done of a to the first j of b
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
