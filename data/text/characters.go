package text

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/gradus-ml/gradus/data"
)

// Characters makes a token of every character (code point) of Unicode. Bytes
// that are no UTF-8 are the character U+FFFD.
type Characters struct {
	Limits `yaml:",inline"`
	NFC    bool `json:"nfc" yaml:"nfc"` // compose characters first: e and an accent become é
}

// DefaultCharacters takes characters as they are.
func DefaultCharacters() Characters { return Characters{Limits: DefaultLimits()} }

// Trainer begins to learn.
func (c Characters) Trainer() Trainer { return &characterTrainer{c, map[rune]int{}} }

type characterTrainer struct {
	cfg    Characters
	counts map[rune]int
}

func (t *characterTrainer) Add(text string) {
	if t.cfg.NFC {
		text = norm.NFC.String(text)
	}
	for _, r := range text {
		t.counts[r]++
	}
}

func (t *characterTrainer) Tokenizer() (Tokenizer, error) {
	counts := make(map[string]int, len(t.counts))
	for r, n := range t.counts {
		counts[string(r)] = n
	}
	tokens, err := t.cfg.vocabulary(counts)
	if err != nil {
		return nil, err
	}
	return &CharacterTokenizer{Vocabulary{Specials: t.cfg.Specials, Tokens: tokens}, t.cfg.NFC}, nil
}

// A CharacterTokenizer is a Characters that was trained.
type CharacterTokenizer struct {
	Vocabulary `yaml:",inline"`
	NFC        bool `json:"nfc" yaml:"nfc"`
}

// Encode appends a token for each character.
func (t *CharacterTokenizer) Encode(dst []int32, text string, _ data.Draw) ([]int32, error) {
	if t.NFC {
		text = norm.NFC.String(text)
	}
	var err error
	for i := 0; i < len(text) && err == nil; {
		c, n := character(text[i:])
		dst, err = t.append(dst, c)
		i += n
	}
	return dst, err
}

// Decode joins characters.
func (t *CharacterTokenizer) Decode(tokens []int32) string {
	var b strings.Builder
	for _, n := range tokens {
		b.WriteString(t.text(n))
	}
	return b.String()
}

// Bytes makes a token of every byte: any text, in any encoding, comes back as
// it was. There is nothing to learn.
type Bytes struct {
	Specials Specials `json:"specials" yaml:"specials"` // tokens that stand for no text, the first ones
}

// DefaultBytes has a token for padding.
func DefaultBytes() Bytes { return Bytes{Specials{Padding}} }

// Validate tells all that is wrong with the settings.
func (c Bytes) Validate() error { return c.Specials.Validate() }

// Trainer has nothing to do.
func (c Bytes) Trainer() Trainer { return byteTrainer{c} }

type byteTrainer struct{ cfg Bytes }

func (byteTrainer) Add(string) {}

func (t byteTrainer) Tokenizer() (Tokenizer, error) { return &ByteTokenizer{t.cfg.Specials}, nil }

// A ByteTokenizer gives byte b the number len(Specials) + b.
type ByteTokenizer struct {
	Specials Specials `json:"specials" yaml:"specials"`
}

// Validate tells what is wrong with a tokenizer that was read from a file.
func (t *ByteTokenizer) Validate() error { return t.Specials.Validate() }

// Size is 256 and the special tokens.
func (t *ByteTokenizer) Size() int { return len(t.Specials) + 256 }

// Special returns a token with a meaning of its own.
func (t *ByteTokenizer) Special(s Special) (token int32, ok bool) { return t.Specials.Special(s) }

// Encode appends a token for each byte.
func (t *ByteTokenizer) Encode(dst []int32, text string, _ data.Draw) ([]int32, error) {
	for i := range len(text) {
		dst = append(dst, int32(len(t.Specials))+int32(text[i]))
	}
	return dst, nil
}

// Decode joins bytes.
func (t *ByteTokenizer) Decode(tokens []int32) string {
	var b strings.Builder
	for _, n := range tokens {
		if i := int(n) - len(t.Specials); i >= 0 && i < 256 {
			b.WriteByte(byte(i))
		}
	}
	return b.String()
}
