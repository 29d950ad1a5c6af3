package text

import (
	"unicode/utf8"

	"github.com/gradus-ml/gradus/data"
)

// A Part is a piece of a text with its share of something. The parts of a text
// joined are that text, composed (NFC); what lies between words has no share.
type Part struct {
	Text  string
	Share float64
}

// ShareTokens gives to the tokens of a text their shares, in the order of Encode.
// Tokens that are not words are pieces of the text as Decode has them; parts
// beyond the last share have 0.
func ShareTokens(t Tokenizer, shares []float64, text string) ([]Part, error) {
	if w, ok := t.(*WordTokenizer); ok {
		units := func(text string, yield func(from, to int)) { words(text, w.Punctuation, yield) }
		return share(normal(text, false), normal(text, w.Lower), units, shares), nil
	}
	tokens, err := t.Encode(nil, text, data.Draw{})
	if err != nil {
		return nil, err
	}
	parts := make([]Part, len(tokens))
	for i := range tokens {
		parts[i].Text = t.Decode(tokens[i : i+1])
		if i < len(shares) {
			parts[i].Share = shares[i]
		}
	}
	return parts, nil
}

// share cuts a text where units cut another form of it, which has as many
// characters, and gives each unit its share.
func share(text, counted string, units func(text string, yield func(from, to int)), shares []float64) []Part {
	var parts []Part
	at := 0 // in counted
	take := func(to int, share float64) {
		n := 0
		for range counted[at:to] {
			_, size := utf8.DecodeRuneInString(text[n:])
			n += size
		}
		if n > 0 {
			parts = append(parts, Part{text[:n], share})
		}
		text, at = text[n:], to
	}
	k := 0
	units(counted, func(from, to int) {
		take(from, 0)
		s := 0.0
		if k < len(shares) {
			s = shares[k]
		}
		take(to, s)
		k++
	})
	take(len(counted), 0)
	return parts
}
