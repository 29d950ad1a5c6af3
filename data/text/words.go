package text

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/gradus-ml/gradus/data"
)

// Words makes a token of every word. The text is first composed (NFC) and, with
// Lower, made lower case.
//
// Bytes that are no UTF-8 are the character U+FFFD.
//
// A word is a run of letters, marks, digits and underscores; an apostrophe (' or
// ’) between two letters belongs to it. Any other character that is not white
// space is a token of its own with punctuation "keep", and nothing with "drop".
type Words struct {
	Limits      `yaml:",inline"`
	Lower       bool        `json:"lower" yaml:"lower"`             // make lower case
	Punctuation Punctuation `json:"punctuation" yaml:"punctuation"` // what becomes of characters outside words
}

// Punctuation says what becomes of characters outside words.
type Punctuation string

// The ways.
const (
	KeepPunctuation Punctuation = "keep"
	DropPunctuation Punctuation = "drop"
)

// Values lists the ways.
func (Punctuation) Values() []string {
	return []string{string(KeepPunctuation), string(DropPunctuation)}
}

func (p Punctuation) validate() error {
	if p != KeepPunctuation && p != DropPunctuation {
		return errors.New("punctuation: want keep or drop, got " + string(p))
	}
	return nil
}

// DefaultWords takes lower-case words and punctuation.
func DefaultWords() Words {
	return Words{Limits: DefaultLimits(), Lower: true, Punctuation: KeepPunctuation}
}

// Validate tells all that is wrong with the settings.
func (c Words) Validate() error { return errors.Join(c.Limits.Validate(), c.Punctuation.validate()) }

// Trainer begins to learn.
func (c Words) Trainer() Trainer { return &wordTrainer{c, map[string]int{}} }

// SplitWords calls yield with each word of a text as Words makes them.
func SplitWords(text string, lower bool, punctuation Punctuation, yield func(word string)) {
	text = normal(text, lower)
	words(text, punctuation, func(from, to int) { yield(text[from:to]) })
}

// normal is the text that words are cut from. With and without lower it has as
// many characters.
func normal(text string, lower bool) string {
	text = norm.NFC.String(strings.ToValidUTF8(text, replacement))
	if lower {
		text = strings.ToLower(text)
	}
	return text
}

// words calls yield with the place of each word of a normal text.
func words(text string, punctuation Punctuation, yield func(from, to int)) {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if !inWord(r) {
			if !unicode.IsSpace(r) && punctuation == KeepPunctuation {
				yield(i, i+n)
			}
			i += n
			continue
		}
		end := wordEnd(text, i)
		yield(i, end)
		i = end
	}
}

// wordEnd is where the word that starts at i ends.
func wordEnd(text string, i int) int {
	var last rune
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == '\'' || r == '’' {
			next, _ := utf8.DecodeRuneInString(text[i+n:])
			if !unicode.IsLetter(last) || !unicode.IsLetter(next) {
				return i
			}
		} else if !inWord(r) {
			return i
		}
		last = r
		i += n
	}
	return i
}

func inWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

type wordTrainer struct {
	cfg    Words
	counts map[string]int
}

func (t *wordTrainer) Add(text string) {
	SplitWords(text, t.cfg.Lower, t.cfg.Punctuation, func(word string) {
		if n, ok := t.counts[word]; ok {
			t.counts[word] = n + 1
		} else {
			t.counts[strings.Clone(word)] = 1 // the text itself is not kept
		}
	})
}

func (t *wordTrainer) Tokenizer() (Tokenizer, error) {
	tokens, err := t.cfg.vocabulary(t.counts)
	if err != nil {
		return nil, err
	}
	return &WordTokenizer{Vocabulary{Specials: t.cfg.Specials, Tokens: tokens}, t.cfg.Lower, t.cfg.Punctuation}, nil
}

// A WordTokenizer is a Words that was trained.
type WordTokenizer struct {
	Vocabulary  `yaml:",inline"`
	Lower       bool        `json:"lower" yaml:"lower"`
	Punctuation Punctuation `json:"punctuation" yaml:"punctuation"`
}

// Validate tells what is wrong with a tokenizer that was read from a file.
func (t *WordTokenizer) Validate() error {
	return errors.Join(t.Vocabulary.Validate(), t.Punctuation.validate())
}

// Encode appends a token for each word.
func (t *WordTokenizer) Encode(dst []int32, text string, _ data.Draw) ([]int32, error) {
	var first error
	SplitWords(text, t.Lower, t.Punctuation, func(word string) {
		var err error
		if dst, err = t.append(dst, word); err != nil && first == nil {
			first = err
		}
	})
	return dst, first
}

// Decode joins words with spaces.
func (t *WordTokenizer) Decode(tokens []int32) string { return t.join(tokens) }
