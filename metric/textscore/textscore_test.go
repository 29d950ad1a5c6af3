package textscore

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
)

// score is what all have in common, with references of any number.
type score interface {
	Add(hypothesis string, references ...string)
	Value() float64
	Reset()
}

// one gives an error rate the first reference.
type one struct{ *ErrorRate }

func (o one) Add(hypothesis string, references ...string) { o.ErrorRate.Add(hypothesis, references[0]) }

// all makes each score, and a function that merges two of it.
var all = map[string]func() (a, b score, merge func()){
	"bleu": func() (a, b score, merge func()) { x, y := &BLEU{}, &BLEU{}; return x, y, func() { x.Merge(y) } },
	"chrf": func() (a, b score, merge func()) { x, y := &ChrF{}, &ChrF{}; return x, y, func() { x.Merge(y) } },
	"chrf++": func() (a, b score, merge func()) {
		x, y := &ChrF{Words: true}, &ChrF{Words: true}
		return x, y, func() { x.Merge(y) }
	},
	"rouge1":    rouges(ROUGE{N: 1}),
	"rouge2":    rouges(ROUGE{N: 2}),
	"rougeL":    rouges(ROUGE{}),
	"rougeLsum": rouges(ROUGE{Lines: true}),
	"wer":       rates(ErrorRate{}),
	"cer":       rates(ErrorRate{Characters: true}),
}

func rouges(r ROUGE) func() (a, b score, merge func()) {
	return func() (a, b score, merge func()) { x, y := r, r; return &x, &y, func() { x.Merge(&y) } }
}

func rates(r ErrorRate) func() (a, b score, merge func()) {
	return func() (a, b score, merge func()) {
		x, y := r, r
		return one{&x}, one{&y}, func() { x.Merge(&y) }
	}
}

// Scores of whole corpora, of parts that are merged, and after a reset.
func TestReferences(t *testing.T) {
	text, err := os.ReadFile("testdata/texts.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name  string
		Texts []struct {
			Hypothesis string
			References []string
		}
		Scores map[string]float64
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for name, want := range c.Scores {
			whole, part, merge := all[name]()
			check := func(what string) {
				t.Helper()
				if got := whole.Value(); !(math.Abs(got-want) <= 1e-12) {
					t.Errorf("%s of %s, %s: %v, want %v", name, c.Name, what, got, want)
				}
			}
			for _, x := range c.Texts {
				whole.Add(x.Hypothesis, x.References...)
			}
			check("whole")
			whole.Reset()
			if v := whole.Value(); !math.IsNaN(v) {
				t.Errorf("%s of nothing is %v", name, v)
			}
			for i, x := range c.Texts {
				if i%2 == 0 {
					whole.Add(x.Hypothesis, x.References...)
				} else {
					part.Add(x.Hypothesis, x.References...)
				}
			}
			merge()
			check("merged")
		}
		if len(c.Scores) != len(all) {
			t.Errorf("%s has %d scores, want %d", c.Name, len(c.Scores), len(all))
		}
	}
}

func ExampleBLEU() {
	var bleu BLEU
	bleu.Add("the cat sat on the mat today", "the cat sat on the mat")
	fmt.Printf("%.4f\n", bleu.Value())
	// Output: 0.8091
}

func ExampleChrF() {
	c := ChrF{Words: true}
	c.Add("two cats", "two cat")
	fmt.Printf("%.4f\n", c.Value())
	// Output: 0.7630
}

func ExampleROUGE() {
	rouge := ROUGE{N: 1}
	rouge.Add("the cat sat", "the cat ran")
	fmt.Printf("%.4f\n", rouge.Value())
	// Output: 0.6667
}

func ExampleErrorRate() {
	var wer ErrorRate
	wer.Add("turn the night off", "turn the light off")
	fmt.Println(wer.Value())
	// Output: 0.25
}
