package textscore

import (
	"math"
	"strings"
)

// ROUGE is the mean over texts of the F-score of what hypothesis and reference
// have in common. N counts common runs of N words; with N = 0, ROUGE-L, it is the
// longest common sequence of words, other words between them or not; with Lines
// that of every line of the reference with any line of the hypothesis, ROUGE-Lsum.
// Words are runs of letters a to z and digits, in lower case.
//
//	F = 2 P R / (P + R)    P = common/hypothesis, R = common/reference
//
// Of several references that counts which has the best F.
//
// Source: Lin, "ROUGE: a package for automatic evaluation of summaries" (2004);
// rouge-score 0.1.2 without stemming.
type ROUGE struct {
	N     int
	Lines bool

	sum   float64
	texts int
}

// Add counts a text that was written, and those that it may be.
func (r *ROUGE) Add(hypothesis string, references ...string) {
	best := 0.0
	for _, ref := range references {
		best = max(best, r.score(hypothesis, ref))
	}
	r.sum += best
	r.texts++
}

// Merge adds what another has seen, which must be of the same kind.
func (r *ROUGE) Merge(other *ROUGE) {
	r.sum += other.sum
	r.texts += other.texts
}

// Value is 0 to 1.
func (r *ROUGE) Value() float64 {
	if r.texts == 0 {
		return math.NaN()
	}
	return r.sum / float64(r.texts)
}

// Reset forgets all texts.
func (r *ROUGE) Reset() { *r = ROUGE{N: r.N, Lines: r.Lines} }

func (r *ROUGE) score(hypothesis, reference string) float64 {
	a, b := rougeWords(hypothesis), rougeWords(reference)
	common, inA, inB := 0, len(a), len(b)
	switch {
	case r.N > 0:
		inA, inB = max(0, len(a)-r.N+1), max(0, len(b)-r.N+1)
		other := grams(b, r.N, r.N)
		for gram, n := range grams(a, r.N, r.N) {
			common += min(n, other[gram])
		}
	case r.Lines:
		common = commonByLine(rougeLines(hypothesis), rougeLines(reference))
	default:
		common = len(longestCommon(a, b))
	}
	if common == 0 {
		return 0
	}
	p, q := float64(common)/float64(inA), float64(common)/float64(inB)
	return 2 * p * q / (p + q)
}

// commonByLine counts the words of the reference that are in the longest common
// sequence of their line with some line of the hypothesis; none counts more often
// than it is in either text.
func commonByLine(hypothesis, reference [][]string) int {
	left, right := counts(hypothesis), counts(reference)
	common := 0
	for _, line := range reference {
		hit := make([]bool, len(line))
		for _, h := range hypothesis {
			for _, i := range longestCommon(line, h) {
				hit[i] = true
			}
		}
		for i, w := range line {
			if hit[i] && left[w] > 0 && right[w] > 0 {
				common++
				left[w]--
				right[w]--
			}
		}
	}
	return common
}

func counts(lines [][]string) map[string]int {
	n := map[string]int{}
	for _, line := range lines {
		for _, w := range line {
			n[w]++
		}
	}
	return n
}

// longestCommon gives the places in a of a longest common sequence of a and b.
func longestCommon(a, b []string) []int {
	width := len(b) + 1
	table := make([]int, (len(a)+1)*width) // of the first i of a and j of b
	for i := range a {
		for j := range b {
			at := (i+1)*width + j + 1
			if a[i] == b[j] {
				table[at] = table[at-width-1] + 1
			} else {
				table[at] = max(table[at-width], table[at-1])
			}
		}
	}
	places := make([]int, table[len(table)-1])
	for i, j, n := len(a), len(b), len(places); n > 0; {
		switch at := i*width + j; {
		case a[i-1] == b[j-1]:
			i, j, n = i-1, j-1, n-1
			places[n] = i
		case table[at-1] > table[at-width]:
			j--
		default:
			i--
		}
	}
	return places
}

func rougeWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

func rougeLines(text string) [][]string {
	var lines [][]string
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			lines = append(lines, rougeWords(line))
		}
	}
	return lines
}
