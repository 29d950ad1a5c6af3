package text

import (
	"strings"

	"github.com/gradus-ml/gradus/data"
)

// Fields makes a token of everything between white space, for texts that are
// cut into words already. Bytes that are no UTF-8 are the character U+FFFD.
type Fields struct {
	Limits `yaml:",inline"`
	Lower  bool `json:"lower" yaml:"lower"` // make lower case
}

// DefaultFields takes what stands there.
func DefaultFields() Fields { return Fields{Limits: DefaultLimits()} }

// Trainer begins to learn.
func (c Fields) Trainer() Trainer { return &fieldTrainer{c, map[string]int{}} }

// eachField calls yield with each field of a text.
func eachField(text string, lower bool, yield func(field string)) {
	text = strings.ToValidUTF8(text, replacement)
	if lower {
		text = strings.ToLower(text)
	}
	for field := range strings.FieldsSeq(text) {
		yield(field)
	}
}

type fieldTrainer struct {
	cfg    Fields
	counts map[string]int
}

func (t *fieldTrainer) Add(text string) {
	eachField(text, t.cfg.Lower, func(field string) {
		if n, ok := t.counts[field]; ok {
			t.counts[field] = n + 1
		} else {
			t.counts[strings.Clone(field)] = 1 // the text itself is not kept
		}
	})
}

func (t *fieldTrainer) Tokenizer() (Tokenizer, error) {
	tokens, err := t.cfg.vocabulary(t.counts)
	if err != nil {
		return nil, err
	}
	return &FieldTokenizer{Vocabulary{Specials: t.cfg.Specials, Tokens: tokens}, t.cfg.Lower}, nil
}

// A FieldTokenizer is a Fields that was trained.
type FieldTokenizer struct {
	Vocabulary `yaml:",inline"`
	Lower      bool `json:"lower" yaml:"lower"`
}

// Encode appends a token for each field.
func (t *FieldTokenizer) Encode(dst []int32, text string, _ data.Draw) ([]int32, error) {
	var first error
	eachField(text, t.Lower, func(field string) {
		var err error
		if dst, err = t.append(dst, field); err != nil && first == nil {
			first = err
		}
	})
	return dst, first
}

// Decode joins fields with spaces.
func (t *FieldTokenizer) Decode(tokens []int32) string { return t.join(tokens) }
