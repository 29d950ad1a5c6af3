package text

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Limits say which tokens of the training split a vocabulary holds.
type Limits struct {
	Size     *int     `json:"size" yaml:"size"`           // largest number of tokens, special ones included; null for all
	MinCount int      `json:"min_count" yaml:"min_count"` // those that occur less often are left out
	Specials Specials `json:"specials" yaml:"specials"`   // tokens that stand for no text, the first ones
}

// DefaultLimits keep everything, with tokens for padding and for what is new.
func DefaultLimits() Limits {
	return Limits{MinCount: 1, Specials: Specials{Padding, Unknown}}
}

// Validate tells all that is wrong with the settings.
func (l Limits) Validate() error {
	errs := []error{l.Specials.Validate()}
	if l.Size != nil && *l.Size <= len(l.Specials) {
		errs = append(errs, fmt.Errorf("size: %d tokens, of which %d are special, leave none for text", *l.Size, len(l.Specials)))
	}
	if l.MinCount < 1 {
		errs = append(errs, fmt.Errorf("min_count: %d is less than 1", l.MinCount))
	}
	if _, ok := l.Specials.Special(Unknown); !ok && (l.Size != nil || l.MinCount > 1) {
		errs = append(errs, errors.New("specials: what size or min_count leave out needs a token; add unknown"))
	}
	return errors.Join(errs...)
}

// A Vocabulary numbers tokens: the special ones first, then the others.
type Vocabulary struct {
	Specials Specials `json:"specials" yaml:"specials"`
	Tokens   []string `json:"tokens" yaml:"tokens"`

	once  sync.Once
	index map[string]int32
}

// vocabulary makes one of counts: the most frequent tokens first, equal ones in
// the order of their bytes.
func (l Limits) vocabulary(counts map[string]int) ([]string, error) {
	tokens := ranked(counts, l.MinCount)
	if l.Size != nil {
		tokens = tokens[:min(len(tokens), *l.Size-len(l.Specials))]
	}
	if len(tokens) == 0 {
		return nil, errors.New("the texts of the training split have no tokens")
	}
	return tokens, nil
}

// ranked lists what occurs at least atLeast times, the most frequent first,
// equal ones in the order of their bytes.
func ranked(counts map[string]int, atLeast int) []string {
	var list []string
	for s, n := range counts {
		if n >= atLeast {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	return list
}

// Validate tells what is wrong with a vocabulary that was read from a file.
func (v *Vocabulary) Validate() error {
	errs := []error{v.Specials.Validate()}
	seen := make(map[string]bool, len(v.Tokens))
	for i, t := range v.Tokens {
		if t == "" || seen[t] {
			errs = append(errs, fmt.Errorf("tokens: number %d, %q, is empty or there twice", i, t))
			break
		}
		seen[t] = true
	}
	return errors.Join(errs...)
}

// Size is the number of tokens.
func (v *Vocabulary) Size() int { return len(v.Specials) + len(v.Tokens) }

// Special returns a token with a meaning of its own.
func (v *Vocabulary) Special(s Special) (token int32, ok bool) { return v.Specials.Special(s) }

// Find is the number of a token.
func (v *Vocabulary) Find(token string) (int32, bool) {
	v.once.Do(func() {
		v.index = make(map[string]int32, len(v.Tokens))
		for i, t := range v.Tokens {
			v.index[t] = int32(len(v.Specials) + i)
		}
	})
	n, ok := v.index[token]
	return n, ok
}

// append adds the number of a token, or that of unknown ones.
func (v *Vocabulary) append(dst []int32, token string) ([]int32, error) {
	n, ok := v.Find(token)
	if !ok {
		var err error
		if n, err = v.Specials.unknown(token); err != nil {
			return dst, err
		}
	}
	return append(dst, n), nil
}

// text is what a token stands for; nothing for special ones.
func (v *Vocabulary) text(token int32) string {
	i := int(token) - len(v.Specials)
	switch {
	case i >= 0 && i < len(v.Tokens):
		return v.Tokens[i]
	case token >= 0 && i < 0 && v.Specials[token] == Unknown:
		return replacement
	}
	return ""
}

// join is the texts of tokens with spaces between them.
func (v *Vocabulary) join(tokens []int32) string {
	var words []string
	for _, n := range tokens {
		if w := v.text(n); w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}
