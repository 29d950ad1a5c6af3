package text

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/gradus-ml/gradus/data"
)

// BPE makes tokens of pieces of words that byte-pair encoding finds (Sennrich
// et al. 2016): the pair of neighbours that is most frequent becomes a token,
// again and again.
//
// Merges stay within pieces of the text: a run of letters and marks, of digits,
// or of other characters, each with one space before it if there is one; and
// runs of white space. A piece has at most 64 characters. Pieces are as in
// GPT-2, but for contractions, and lose nothing: joined they are the text.
//
// Of equally frequent pairs that with the smaller numbers comes first, so that
// the order of texts has no influence.
type BPE struct {
	Level    Level    `json:"level" yaml:"level"`         // what merging starts from
	Size     int      `json:"size" yaml:"size"`           // largest number of tokens, special ones and those of single bytes or characters included
	MinCount int      `json:"min_count" yaml:"min_count"` // pairs that occur less often do not become tokens
	Dropout  float64  `json:"dropout" yaml:"dropout"`     // probability that a merge is left out in an example of training (Provilkov et al. 2020)
	Specials Specials `json:"specials" yaml:"specials"`   // tokens that stand for no text, the first ones
}

// A Level is what merging starts from.
type Level string

// The levels.
const (
	ByteLevel      Level = "bytes"      // no text is unknown
	CharacterLevel Level = "characters" // those of the training split; bytes that are no UTF-8 are U+FFFD
)

// Values lists the levels.
func (Level) Values() []string { return []string{string(ByteLevel), string(CharacterLevel)} }

func (l Level) validate() error {
	if l != ByteLevel && l != CharacterLevel {
		return fmt.Errorf("level: %q is not bytes or characters", l)
	}
	return nil
}

// DefaultBPE has 4096 tokens.
func DefaultBPE() BPE {
	return BPE{Level: ByteLevel, Size: 4096, MinCount: 2, Specials: Specials{Padding}}
}

// maxTokens bounds vocabularies.
const maxTokens = 1 << 22

// Validate tells all that is wrong with the settings.
func (c BPE) Validate() error {
	errs := []error{c.Level.validate(), c.Specials.Validate(), validDropout(c.Dropout)}
	if least := len(c.Specials) + 256; c.Level == ByteLevel && c.Size < least {
		errs = append(errs, fmt.Errorf("size: %d is less than the %d of all bytes and special tokens", c.Size, least))
	}
	if c.Size <= len(c.Specials) || c.Size > maxTokens {
		errs = append(errs, fmt.Errorf("size: %d is not in %d..%d", c.Size, len(c.Specials)+1, maxTokens))
	}
	if c.MinCount < 1 {
		errs = append(errs, fmt.Errorf("min_count: %d is less than 1", c.MinCount))
	}
	return errors.Join(errs...)
}

func validDropout(p float64) error {
	if !(p >= 0 && p < 1) {
		return fmt.Errorf("dropout: %v is not in 0..1", p)
	}
	return nil
}

// maxPiece is the largest number of characters of a piece: merging one takes
// time that grows with the square of its length.
const maxPiece = 64

// pieceEnd is where the piece that starts at text[i:] ends.
func pieceEnd(text string, i int) int {
	r, n := utf8.DecodeRuneInString(text[i:])
	j, count := i+n, 1
	if unicode.IsSpace(r) {
		next, m := utf8.DecodeRuneInString(text[j:])
		if r != ' ' || m == 0 || unicode.IsSpace(next) {
			return spaceEnd(text, i)
		}
		r, j, count = next, j+m, 2
	}
	for c := classOf(r); j < len(text) && count < maxPiece; count++ {
		r, n = utf8.DecodeRuneInString(text[j:])
		if classOf(r) != c {
			break
		}
		j += n
	}
	return j
}

// spaceEnd is where a run of white space ends; a space that stands before
// something else belongs to that.
func spaceEnd(text string, i int) int {
	end := i
	for count := 0; count < maxPiece; count++ {
		r, n := utf8.DecodeRuneInString(text[end:])
		if n == 0 || !unicode.IsSpace(r) {
			break
		}
		if next, m := utf8.DecodeRuneInString(text[end+n:]); r == ' ' && end > i && m > 0 && !unicode.IsSpace(next) {
			break
		}
		end += n
	}
	return end
}

// classOf tells letters, digits, white space and others apart.
func classOf(r rune) int {
	switch {
	case unicode.IsLetter(r) || unicode.IsMark(r):
		return 0
	case unicode.IsDigit(r):
		return 1
	case unicode.IsSpace(r):
		return 2
	}
	return 3
}

// A BPETokenizer is a BPE that was trained. Its tokens are the special ones,
// those of single bytes or characters, and one for each merge.
type BPETokenizer struct {
	Specials   Specials   `json:"specials" yaml:"specials"`
	Level      Level      `json:"level" yaml:"level"`
	Characters []string   `json:"characters" yaml:"characters"` // of the character level
	Merges     [][2]int32 `json:"merges" yaml:"merges"`         // the tokens that merge i joins
	Dropout    float64    `json:"dropout" yaml:"dropout"`

	once  sync.Once
	index bpeIndex
}

// bpeIndex is what encoding looks up.
type bpeIndex struct {
	texts  []string // of each token
	single map[string]int32
	merged map[uint64]int32 // key of a pair to its token
	whole  map[string]int32 // pieces that become one token
}

// base is the number of tokens before the first merge.
func (t *BPETokenizer) base() int {
	if t.Level == ByteLevel {
		return len(t.Specials) + 256
	}
	return len(t.Specials) + len(t.Characters)
}

// Validate tells what is wrong with a tokenizer that was read from a file.
func (t *BPETokenizer) Validate() error {
	errs := []error{t.Level.validate(), t.Specials.Validate(), validDropout(t.Dropout)}
	characters := Vocabulary{Tokens: t.Characters}
	errs = append(errs, characters.Validate())
	if t.Level == ByteLevel && len(t.Characters) > 0 {
		errs = append(errs, errors.New("characters: the level of bytes has none"))
	}
	base := t.base()
	length := make([]int, base, base+len(t.Merges)) // in bytes or characters
	for i := range length {
		length[i] = 1
	}
	for i, m := range t.Merges {
		if min(m[0], m[1]) < int32(len(t.Specials)) || max(m[0], m[1]) >= int32(base+i) {
			errs = append(errs, fmt.Errorf("merges: number %d joins %d and %d, want tokens %d..%d", i, m[0], m[1], len(t.Specials), base+i-1))
			break
		}
		n := length[m[0]] + length[m[1]]
		if n > maxPiece*utf8.UTFMax {
			errs = append(errs, fmt.Errorf("merges: number %d gives a token that is longer than a piece can be", i))
			break
		}
		length = append(length, n)
	}
	return errors.Join(errs...)
}

// Size is the number of tokens.
func (t *BPETokenizer) Size() int { return t.base() + len(t.Merges) }

// Special returns a token with a meaning of its own.
func (t *BPETokenizer) Special(s Special) (token int32, ok bool) { return t.Specials.Special(s) }

// lookup makes the index when it is first needed.
func (t *BPETokenizer) lookup() *bpeIndex {
	t.once.Do(func() {
		x := bpeIndex{single: map[string]int32{}, merged: make(map[uint64]int32, len(t.Merges)), whole: map[string]int32{}}
		x.texts = make([]string, len(t.Specials), t.Size())
		for i, s := range t.Specials {
			if s == Unknown {
				x.texts[i] = replacement
			}
		}
		if t.Level == ByteLevel {
			for b := range 256 {
				x.texts = append(x.texts, string([]byte{byte(b)}))
			}
		} else {
			x.texts = append(x.texts, t.Characters...)
		}
		for i, s := range x.texts[len(t.Specials):] {
			x.single[s] = int32(len(t.Specials) + i)
		}
		for i, m := range t.Merges {
			x.texts = append(x.texts, x.texts[m[0]]+x.texts[m[1]])
			if key := pairKey(m[0], m[1]); x.pair(m[0], m[1]) == none {
				x.merged[key] = int32(t.base() + i)
			}
		}
		t.index = x
		// A piece that is the text of a token becomes this token only if the
		// merges lead there.
		for i := t.base(); i < t.Size(); i++ {
			if tokens, err := t.merge(nil, x.texts[i], &t.index); err == nil && len(tokens) == 1 {
				t.index.whole[x.texts[i]] = tokens[0]
			}
		}
	})
	return &t.index
}

// Encode appends the tokens of a text.
func (t *BPETokenizer) Encode(dst []int32, text string, d data.Draw) ([]int32, error) {
	x := t.lookup()
	if d.Training && t.Dropout > 0 {
		return t.encodeDropped(dst, text, d, x)
	}
	for i := 0; i < len(text); {
		end := pieceEnd(text, i)
		if token, ok := x.whole[text[i:end]]; ok {
			dst = append(dst, token)
		} else {
			var err error
			if dst, err = t.merge(dst, text[i:end], x); err != nil {
				return dst, err
			}
		}
		i = end
	}
	return dst, nil
}

// split appends the tokens of the single bytes or characters of a piece.
func (t *BPETokenizer) split(dst []int32, piece string, x *bpeIndex) ([]int32, error) {
	if t.Level == ByteLevel {
		for i := range len(piece) {
			dst = append(dst, int32(len(t.Specials))+int32(piece[i]))
		}
		return dst, nil
	}
	for i := 0; i < len(piece); {
		c, n := character(piece[i:])
		token, ok := x.single[c]
		if !ok {
			var err error
			if token, err = t.Specials.unknown(c); err != nil {
				return dst, err
			}
		}
		dst = append(dst, token)
		i += n
	}
	return dst, nil
}

// character is the first of a text, and its size in bytes; a byte that is no
// UTF-8 is U+FFFD.
func character(text string) (string, int) {
	r, n := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError {
		return replacement, n
	}
	return text[:n], n
}

// merge appends the tokens of a piece: as long as there is one, the pair whose
// merge was learnt first is joined, the leftmost of equal ones.
func (t *BPETokenizer) merge(dst []int32, piece string, x *bpeIndex) ([]int32, error) {
	from := len(dst)
	dst, err := t.split(dst, piece, x)
	if err != nil {
		return dst, err
	}
	tokens := dst[from:]
	var memory [maxPiece * utf8.UTFMax]int32
	merged := memory[:max(len(tokens)-1, 0)] // what tokens i and i+1 become
	for i := range merged {
		merged[i] = x.pair(tokens[i], tokens[i+1])
	}
	for len(merged) > 0 {
		best := slices.Min(merged)
		if best == none {
			break
		}
		at := slices.Index(merged, best)
		tokens, merged = join(tokens, at, best), append(merged[:at], merged[at+1:]...)
		if at > 0 {
			merged[at-1] = x.pair(tokens[at-1], best)
		}
		if at < len(merged) {
			merged[at] = x.pair(best, tokens[at+1])
		}
	}
	return dst[:from+len(tokens)], nil
}

// none is greater than every token.
const none = math.MaxInt32

// pair is the token that two become, or none.
func (x *bpeIndex) pair(a, b int32) int32 {
	if m, ok := x.merged[pairKey(a, b)]; ok {
		return m
	}
	return none
}

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// join puts one token in the place of two.
func join(tokens []int32, at int, token int32) []int32 {
	tokens[at] = token
	return append(tokens[:at+1], tokens[at+2:]...)
}

// encodeDropped leaves out each merge that is possible with a probability,
// drawn anew in each round; a piece is done when a round has none left.
func (t *BPETokenizer) encodeDropped(dst []int32, text string, d data.Draw, x *bpeIndex) ([]int32, error) {
	random := d.Stream("text.bpe_dropout")
	for i := 0; i < len(text); {
		end := pieceEnd(text, i)
		from := len(dst)
		var err error
		if dst, err = t.split(dst, text[i:end], x); err != nil {
			return dst, err
		}
		tokens := dst[from:]
		for {
			at, best := 0, int32(none)
			for i := range len(tokens) - 1 {
				m := x.pair(tokens[i], tokens[i+1])
				if m != none && random.Float64() >= t.Dropout && m < best {
					at, best = i, m
				}
			}
			if best == none {
				break
			}
			tokens = join(tokens, at, best)
		}
		dst = dst[:from+len(tokens)]
		i = end
	}
	return dst, nil
}

// Decode joins the texts of tokens.
func (t *BPETokenizer) Decode(tokens []int32) string {
	x := t.lookup()
	var b strings.Builder
	for _, n := range tokens {
		if n >= 0 && int(n) < len(x.texts) {
			b.WriteString(x.texts[n])
		}
	}
	return b.String()
}
