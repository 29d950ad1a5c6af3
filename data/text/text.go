// Package text cuts text into tokens and numbers them.
//
// A [Config] names a way: characters, bytes, words, or pieces that byte-pair
// encoding finds. Its [Trainer] sees the texts of the training split and makes
// a [Tokenizer], which is plain data: it is saved with the model.
package text

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/data"
)

// A Config is a way to cut text, as a recipe holds it.
type Config interface {
	// Validate tells all that is wrong with the settings.
	Validate() error
	// Trainer begins to learn.
	Trainer() Trainer
}

// A Trainer learns from texts, whose order has no influence.
type Trainer interface {
	Add(text string)
	// Tokenizer is called once, after the last text.
	Tokenizer() (Tokenizer, error)
}

// A Tokenizer turns text into numbers 0..Size()-1 and back. It is plain data,
// with exported fields, and safe for concurrent use.
type Tokenizer interface {
	// Validate tells what is wrong with a tokenizer that was read from a file.
	Validate() error
	// Size is the number of different tokens.
	Size() int
	// Special returns a token with a meaning of its own, if there is one.
	Special(s Special) (token int32, ok bool)
	// Encode appends the tokens of a text to dst. Of an example of training
	// they may be random, drawn from d.
	Encode(dst []int32, text string, d data.Draw) ([]int32, error)
	// Decode is the text of tokens; special ones are left out, but for unknown
	// ones, which become U+FFFD.
	Decode(tokens []int32) string
}

// A Special is a token that stands for no text.
type Special string

// The special tokens. Those that a tokenizer has are its first tokens, in the
// order of its list.
const (
	Padding Special = "padding" // after the end of a text that is shorter than others
	Unknown Special = "unknown" // for what the training split does not have
	Start   Special = "start"   // before a text
	End     Special = "end"     // after it
	Mask    Special = "mask"    // in place of a token that is hidden
)

// Values lists the special tokens.
func (Special) Values() []string {
	return []string{string(Padding), string(Unknown), string(Start), string(End), string(Mask)}
}

// Specials are those that a tokenizer has.
type Specials []Special

// Validate wants known ones, none twice.
func (s Specials) Validate() error {
	var errs []error
	for i, x := range s {
		if !slices.Contains(Special("").Values(), string(x)) {
			errs = append(errs, fmt.Errorf("specials: %q is not padding, unknown, start, end or mask", x))
		}
		if slices.Contains(s[:i], x) {
			errs = append(errs, fmt.Errorf("specials: %s is there twice", x))
		}
	}
	return errors.Join(errs...)
}

// Special returns the number of one.
func (s Specials) Special(x Special) (token int32, ok bool) {
	i := slices.Index(s, x)
	return int32(i), i >= 0
}

// unknown is the token of something that is not in the vocabulary.
func (s Specials) unknown(what string) (int32, error) {
	if token, ok := s.Special(Unknown); ok {
		return token, nil
	}
	if len(what) > 40 {
		what = what[:40] + "..."
	}
	return 0, fmt.Errorf("%q is not in the vocabulary; add unknown to the specials of the tokenizer", what)
}

// replacement is what an unknown token is decoded to.
const replacement = "\uFFFD"
