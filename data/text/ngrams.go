package text

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// NGrams counts runs of words or characters by a hash, which needs no
// vocabulary: run g counts at place FNV-1a(g) modulo Buckets. Words are those of
// Words, joined by a zero byte; characters are composed (NFC), and bytes that
// are no UTF-8 are as they are.
type NGrams struct {
	Unit        string      `json:"unit" yaml:"unit"`               // "words" or "characters"
	Least       int         `json:"least" yaml:"least"`             // units in the shortest runs
	Most        int         `json:"most" yaml:"most"`               // units in the longest runs
	Buckets     int         `json:"buckets" yaml:"buckets"`         // places
	Lower       bool        `json:"lower" yaml:"lower"`             // make lower case
	Punctuation Punctuation `json:"punctuation" yaml:"punctuation"` // of words
}

// DefaultNGrams counts words and pairs of them.
func DefaultNGrams() NGrams {
	return NGrams{Unit: "words", Least: 1, Most: 2, Buckets: 1 << 14, Lower: true, Punctuation: KeepPunctuation}
}

// Validate tells all that is wrong with the settings.
func (c NGrams) Validate() error {
	errs := []error{c.Punctuation.validate()}
	if c.Unit != "words" && c.Unit != "characters" {
		errs = append(errs, fmt.Errorf("unit: %q is not words or characters", c.Unit))
	}
	if c.Least < 1 || c.Most < c.Least || c.Most > 32 {
		errs = append(errs, fmt.Errorf("least and most: %d and %d, want 1 <= least <= most <= 32", c.Least, c.Most))
	}
	if c.Buckets < 1 || c.Buckets > 1<<24 {
		errs = append(errs, fmt.Errorf("buckets: %d is not in 1..%d", c.Buckets, 1<<24))
	}
	return errors.Join(errs...)
}

// Count adds the runs of a text to counts, of length Buckets.
func (c NGrams) Count(counts []float32, text string) {
	c.runs(text, func(place, _, _ int) { counts[place]++ })
}

// Mark is Count for many places of which few are counted: it also sets the bits of
// these in marks, bit i mod 64 of word i/64.
func (c NGrams) Mark(counts []float32, marks []uint64, text string) {
	c.runs(text, func(place, _, _ int) {
		counts[place]++
		marks[place/64] |= 1 << (place % 64)
	})
}

// Share divides values, which belong to the places of Count, among the units of a
// text: the runs that count at a place have equal shares of its value, and the
// units of a run equal shares of that.
func (c NGrams) Share(values []float32, text string) []Part {
	counts := make([]float32, c.Buckets)
	c.Count(counts, text)
	var shares []float64
	c.runs(text, func(place, last, n int) {
		for len(shares) <= last {
			shares = append(shares, 0)
		}
		for k := range n {
			shares[last-k] += float64(values[place]) / float64(counts[place]) / float64(n)
		}
	})
	return share(c.normal(text, false), c.normal(text, c.Lower), c.units, shares)
}

// normal is the text that units are cut from.
func (c NGrams) normal(text string, lower bool) string {
	if c.Unit == "words" {
		return normal(text, lower)
	}
	text = norm.NFC.String(text)
	if lower {
		text = strings.ToLower(text)
	}
	return text
}

// units calls yield with the place of each unit of a text in its normal form.
func (c NGrams) units(text string, yield func(from, to int)) {
	if c.Unit == "words" {
		words(text, c.Punctuation, yield)
		return
	}
	for i := 0; i < len(text); {
		_, size := utf8.DecodeRuneInString(text[i:])
		yield(i, i+size)
		i += size
	}
}

// runs calls yield with the place of each run, the number of its last unit, and
// how many units it has.
func (c NGrams) runs(text string, yield func(place, last, units int)) {
	// open holds the hashes of the runs that end at the last unit, the shortest
	// first.
	var open [32]uint64
	text = c.normal(text, c.Lower)
	n, last, separator := 0, 0, c.Unit == "words"
	c.units(text, func(from, to int) {
		n = min(n+1, c.Most)
		for k := n - 1; k >= 0; k-- {
			h := uint64(fnvOffset)
			if k > 0 {
				h = open[k-1]
				if separator {
					h *= fnvPrime // a zero byte
				}
			}
			for i := from; i < to; i++ {
				h = (h ^ uint64(text[i])) * fnvPrime
			}
			open[k] = h
			if k+1 >= c.Least {
				yield(int(h%uint64(c.Buckets)), last, k+1)
			}
		}
		last++
	})
}

// FNV-1a of 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)
