package text

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/data"
)

// An Augment changes the tokens of an example of training at random.
type Augment interface {
	// Validate tells all that is wrong with the settings.
	Validate() error
	// Apply returns the changed tokens, in the same memory. It draws from d
	// alone.
	Apply(tokens []int32, t Tokenizer, d data.Draw) ([]int32, error)
}

// DropTokens leaves out each token with a probability; one always stays.
type DropTokens struct {
	P float64 `json:"p" yaml:"p"` // probability for each token
}

// Validate tells all that is wrong with the settings.
func (a DropTokens) Validate() error { return validP("p", a.P) }

func validP(key string, p float64) error {
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("%s: %v is not in 0..1", key, p)
	}
	return nil
}

// Apply drops tokens.
func (a DropTokens) Apply(tokens []int32, _ Tokenizer, d data.Draw) ([]int32, error) {
	if len(tokens) == 0 {
		return tokens, nil
	}
	random := d.Stream("text.drop_tokens")
	keep := random.IntN(len(tokens)) // the one that stays if no other does
	kept, last := tokens[:0], tokens[keep]
	for _, t := range tokens {
		if random.Float64() >= a.P {
			kept = append(kept, t)
		}
	}
	if len(kept) == 0 {
		kept = append(kept, last)
	}
	return kept, nil
}

// MaskTokens hides each token with a probability P. Of those, as many as the
// share Mask become the mask token, as many as Random some token of text, and
// the rest stay as they are (Devlin et al. 2018: 0.8 and 0.1).
type MaskTokens struct {
	P      float64 `json:"p" yaml:"p"`           // probability for each token
	Mask   float64 `json:"mask" yaml:"mask"`     // share of those that become the mask token
	Random float64 `json:"random" yaml:"random"` // share of those that become another token
}

// DefaultMaskTokens is that of BERT.
func DefaultMaskTokens() MaskTokens { return MaskTokens{P: 0.15, Mask: 0.8, Random: 0.1} }

// Validate tells all that is wrong with the settings.
func (a MaskTokens) Validate() error {
	err := errors.Join(validP("p", a.P), validP("mask", a.Mask), validP("random", a.Random))
	if err == nil && a.Mask+a.Random > 1 {
		err = fmt.Errorf("mask and random: %v and %v are more than 1 together", a.Mask, a.Random)
	}
	return err
}

// Apply hides tokens.
func (a MaskTokens) Apply(tokens []int32, t Tokenizer, d data.Draw) ([]int32, error) {
	mask, ok := t.Special(Mask)
	if !ok && a.Mask > 0 {
		return nil, errors.New("the tokenizer has no mask token; add mask to its specials")
	}
	first := specials(t)
	random := d.Stream("text.mask_tokens")
	for i := range tokens {
		if random.Float64() >= a.P {
			continue
		}
		switch how := random.Float64(); {
		case how < a.Mask:
			tokens[i] = mask
		case how < a.Mask+a.Random && t.Size() > first:
			tokens[i] = int32(first + random.IntN(t.Size()-first))
		}
	}
	return tokens, nil
}

// specials is the number of special tokens, which come first.
func specials(t Tokenizer) int {
	n := 0
	for _, s := range Special("").Values() {
		if _, ok := t.Special(Special(s)); ok {
			n++
		}
	}
	return n
}

// DropSpans leaves out, with a probability P, one run of neighbours: of 1 to
// Share of all tokens, each length and each place as likely as any other. One
// token always stays.
type DropSpans struct {
	P     float64 `json:"p" yaml:"p"`         // probability for each text
	Share float64 `json:"share" yaml:"share"` // greatest share of the tokens
}

// DefaultDropSpans drops up to a fifth of every second text.
func DefaultDropSpans() DropSpans { return DropSpans{P: 0.5, Share: 0.2} }

// Validate tells all that is wrong with the settings.
func (a DropSpans) Validate() error { return errors.Join(validP("p", a.P), validP("share", a.Share)) }

// Apply drops a span.
func (a DropSpans) Apply(tokens []int32, _ Tokenizer, d data.Draw) ([]int32, error) {
	random := d.Stream("text.drop_spans")
	longest := min(int(a.Share*float64(len(tokens))), len(tokens)-1)
	if random.Float64() >= a.P || longest < 1 {
		return tokens, nil
	}
	n := 1 + random.IntN(longest)
	at := random.IntN(len(tokens) - n + 1)
	return append(tokens[:at], tokens[at+n:]...), nil
}
