package textscore

import (
	"math"
	"regexp"
	"strings"
)

// bleuOrder is the longest n-gram that BLEU counts.
const bleuOrder = 4

// BLEU is, over all texts, the geometric mean of the shares p(n) of n-grams of the
// hypotheses that are in a reference, n = 1 to 4, times a penalty for brevity:
//
//	BLEU = min(1, e^(1 - R/H)) (p(1) p(2) p(3) p(4))^(1/4)
//
// with H words in the hypotheses and R in the references, of each text the one
// whose length is nearest. An n-gram counts at most as often as it is in one
// reference. Where no n-gram of a length is right, p(n) is 1/(2^k times their
// number) for the k-th such length. Texts are cut as by mteval-v13a: punctuation
// stands alone, but for points and commas within numbers; case counts.
//
// Source: Papineni and others, "BLEU: a method for automatic evaluation of machine
// translation" (2002); sacrebleu 2.6.0, whose corpus score it is, divided by 100.
type BLEU struct {
	right, all       [bleuOrder]int
	hypothesis, refs int // words
	texts            int
}

// Add counts a text that was written, and those that it may be.
func (b *BLEU) Add(hypothesis string, references ...string) {
	words := words13a(hypothesis)
	best := map[string]int{} // how often an n-gram is in the reference that has it most often
	nearest := 0
	for i, r := range references {
		ref := words13a(r)
		for gram, n := range grams(ref, 1, bleuOrder) {
			best[gram] = max(best[gram], n)
		}
		d, old := abs(len(ref)-len(words)), abs(nearest-len(words))
		if i == 0 || d < old || d == old && len(ref) < nearest {
			nearest = len(ref)
		}
	}
	for gram, n := range grams(words, 1, bleuOrder) {
		b.right[strings.Count(gram, "\x00")] += min(n, best[gram])
	}
	for n := range bleuOrder {
		b.all[n] += max(0, len(words)-n)
	}
	b.hypothesis += len(words)
	b.refs += nearest
	b.texts++
}

// Merge adds what another has seen.
func (b *BLEU) Merge(other *BLEU) {
	for n := range bleuOrder {
		b.right[n] += other.right[n]
		b.all[n] += other.all[n]
	}
	b.hypothesis += other.hypothesis
	b.refs += other.refs
	b.texts += other.texts
}

// Value is 0 to 1.
func (b *BLEU) Value() float64 {
	if b.texts == 0 {
		return math.NaN()
	}
	var sum float64
	zeros, any := 1.0, false
	for n := range bleuOrder {
		p := float64(b.right[n]) / float64(b.all[n])
		switch {
		case b.all[n] == 0:
			return 0 // no text is that long
		case b.right[n] == 0:
			zeros *= 2
			p = 1 / (zeros * float64(b.all[n]))
		default:
			any = true
		}
		sum += math.Log(p)
	}
	if !any {
		return 0
	}
	return math.Exp(min(0, 1-float64(b.refs)/float64(b.hypothesis)) + sum/bleuOrder)
}

// Reset forgets all texts.
func (b *BLEU) Reset() { *b = BLEU{} }

// grams counts the runs of least to most parts. Parts of a run are parted by a 0
// byte.
func grams(parts []string, least, most int) map[string]int {
	counts := map[string]int{}
	for n := least; n <= most; n++ {
		for i := 0; i+n <= len(parts); i++ {
			counts[strings.Join(parts[i:i+n], "\x00")]++
		}
	}
	return counts
}

func abs(n int) int { return max(n, -n) }

var (
	entities = strings.NewReplacer("&quot;", `"`, "&amp;", "&", "&lt;", "<", "&gt;", ">")
	symbols  = regexp.MustCompile("([\\{-\\~\\[-\\` -\\&\\(-\\+\\:-\\@\\/])")
	before   = regexp.MustCompile(`([^0-9])([\.,])`)
	behind   = regexp.MustCompile(`([\.,])([^0-9])`)
	dash     = regexp.MustCompile(`([0-9])(-)`)
)

// words13a cuts a text in words as the script mteval-v13a.pl does, without
// putting words together that a hyphen at the end of a line parts.
func words13a(text string) []string {
	text = strings.ReplaceAll(text, "<skipped>", "")
	text = strings.ReplaceAll(text, "-\n", "")
	text = strings.ReplaceAll(text, "\n", " ")
	text = " " + entities.Replace(text) + " "
	text = symbols.ReplaceAllString(text, " $1 ")
	text = before.ReplaceAllString(text, "$1 $2 ")
	text = behind.ReplaceAllString(text, " $1 $2")
	text = dash.ReplaceAllString(text, "$1 $2 ")
	return strings.Fields(text)
}
