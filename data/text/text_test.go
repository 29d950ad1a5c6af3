package text

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gradus-ml/gradus/data"
)

func train(t testing.TB, cfg Config, texts ...string) Tokenizer {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	tr := cfg.Trainer()
	for _, s := range texts {
		tr.Add(s)
	}
	k, err := tr.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Validate(); err != nil {
		t.Fatal(err)
	}
	return k
}

func encode(t testing.TB, k Tokenizer, text string, d data.Draw) []int32 {
	t.Helper()
	tokens, err := k.Encode(nil, text, d)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range tokens {
		if n < 0 || int(n) >= k.Size() {
			t.Fatalf("token %d of %d", n, k.Size())
		}
	}
	return tokens
}

func TestCharacters(t *testing.T) {
	k := train(t, DefaultCharacters(), "abba", "bäh")
	// by count, then bytes: b 3, a 2, h 1, ä 1
	if got := encode(t, k, "habä\xff?", data.Draw{}); !slices.Equal(got, []int32{4, 3, 2, 5, 1, 1}) {
		t.Errorf("tokens %v", got)
	}
	if got := k.Decode([]int32{0, 4, 5, 1}); got != "hä\uFFFD" {
		t.Errorf("decoded %q", got)
	}
	cfg := DefaultCharacters()
	cfg.NFC, cfg.Specials = true, nil
	k = train(t, cfg, "e\u0301")
	if k.Size() != 1 || k.Decode(encode(t, k, "\u00e9e\u0301", data.Draw{})) != "éé" {
		t.Errorf("composed: %+v", k)
	}
	if _, err := k.Encode(nil, "x", data.Draw{}); err == nil || err.Error() != `"x" is not in the vocabulary; add unknown to the specials of the tokenizer` {
		t.Errorf("unknown without a token: %v", err)
	}
	two := 4
	cfg = DefaultCharacters()
	cfg.Size = &two
	if k := train(t, cfg, "aaabbc"); k.Size() != 4 || k.(*CharacterTokenizer).Tokens[1] != "b" {
		t.Errorf("limited: %+v", k)
	}
}

func TestBytes(t *testing.T) {
	k := train(t, DefaultBytes())
	text := "ä\x00\xff"
	if got := encode(t, k, text, data.Draw{}); !slices.Equal(got, []int32{1 + 0xc3, 1 + 0xa4, 1, 1 + 0xff}) || k.Decode(got) != text || k.Size() != 257 {
		t.Errorf("tokens %v, decoded %q", got, k.Decode(got))
	}
}

func TestSplitWords(t *testing.T) {
	for _, c := range []struct {
		text string
		keep []string
	}{
		{"Don't  stop, 2nd_try!", []string{"don't", "stop", ",", "2nd_try", "!"}},
		{"'tis rock'n'roll' O’Neil", []string{"'", "tis", "rock'n'roll", "'", "o’neil"}},
		{"CAFE\u0301\tstraße 3.14", []string{"café", "straße", "3", ".", "14"}},
		{"日本語", []string{"日本語"}},
		{" \n ", nil},
	} {
		for _, p := range []Punctuation{KeepPunctuation, DropPunctuation} {
			var got, want []string
			SplitWords(c.text, true, p, func(w string) { got = append(got, w) })
			for _, w := range c.keep {
				if r, _ := utf8.DecodeRuneInString(w); p == KeepPunctuation || inWord(r) {
					want = append(want, w)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q, %s: %q, want %q", c.text, p, got, want)
			}
		}
	}
}

func TestWords(t *testing.T) {
	cfg := DefaultWords()
	cfg.MinCount = 2
	k := train(t, cfg, "The cat and the dog", "the cat", "a cat!")
	if got := k.(*WordTokenizer).Tokens; !slices.Equal(got, []string{"cat", "the"}) { // three times each
		t.Errorf("vocabulary %q", got)
	}
	if got := encode(t, k, "THE bird, cat", data.Draw{}); !slices.Equal(got, []int32{3, 1, 1, 2}) || k.Decode(got) != "the \uFFFD \uFFFD cat" {
		t.Errorf("tokens %v, %q", got, k.Decode(got))
	}
}

func TestFields(t *testing.T) {
	cfg := DefaultFields()
	cfg.Lower = true
	k := train(t, cfg, " Don't  stop!\n", "stop! \xff")
	if got := k.(*FieldTokenizer).Tokens; !slices.Equal(got, []string{"stop!", "don't", "\uFFFD"}) {
		t.Errorf("vocabulary %q", got)
	}
	if got := encode(t, k, "DON'T go", data.Draw{}); !slices.Equal(got, []int32{3, 1}) || k.Decode(got) != "don't \uFFFD" {
		t.Errorf("tokens %v, %q", got, k.Decode(got))
	}
}

// Pieces lose nothing, and are as the comment on BPE says.
func TestPieces(t *testing.T) {
	pieces := func(text string) (out []string) {
		for i := 0; i < len(text); {
			end := pieceEnd(text, i)
			if end <= i {
				t.Fatalf("%q: an empty piece at %d", text, i)
			}
			out = append(out, text[i:end])
			i = end
		}
		return out
	}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"Hello world 42!?", []string{"Hello", " world", " 42", "!?"}},
		{"a  b\n\n c", []string{"a", " ", " b", "\n\n", " c"}},
		{"x \n", []string{"x", " \n"}},
		{"ab12 -3", []string{"ab", "12", " -", "3"}},
		{strings.Repeat("z", 130), []string{strings.Repeat("z", 64), strings.Repeat("z", 64), "zz"}},
		{" " + strings.Repeat("z", 64), []string{" " + strings.Repeat("z", 63), "z"}},
	} {
		if got := pieces(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		text := randomText(r)
		for _, p := range pieces(text) {
			if utf8.RuneCountInString(p) > maxPiece {
				t.Fatalf("%q has a piece of %d characters", text, utf8.RuneCountInString(p))
			}
		}
		if got := strings.Join(pieces(text), ""); got != text {
			t.Fatalf("%q became %q", text, got)
		}
	}
}

func randomText(r *rand.Rand) string {
	parts := []string{"a", "b", "ab", "ba", " ", "  ", "\n", "é", "日", "\xff", "1", "23", "!", "th", "the"}
	var b strings.Builder
	for range r.IntN(60) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

// naiveMerges is byte-pair encoding by its definition: count all pairs, join
// the most frequent, begin again.
func naiveMerges(words []bpeWord, next int32, cfg BPE) [][2]int32 {
	unknown, has := cfg.Specials.Special(Unknown)
	var merges [][2]int32
	for ; int(next) < cfg.Size; next++ {
		counts := map[[2]int32]int{}
		for _, w := range words {
			for i := range len(w.tokens) - 1 {
				if p := [2]int32(w.tokens[i : i+2]); !has || p[0] != unknown && p[1] != unknown {
					counts[p] += w.count
				}
			}
		}
		var best [2]int32
		most := 0
		for p, n := range counts {
			if n > most || n == most && slices.Compare(p[:], best[:]) < 0 {
				best, most = p, n
			}
		}
		if most < cfg.MinCount {
			break
		}
		merges = append(merges, best)
		for w := range words {
			var joined []int32
			for i := 0; i < len(words[w].tokens); i++ {
				if i+1 < len(words[w].tokens) && [2]int32(words[w].tokens[i:i+2]) == best {
					joined = append(joined, next)
					i++
				} else {
					joined = append(joined, words[w].tokens[i])
				}
			}
			words[w].tokens = joined
		}
	}
	return merges
}

// The fast training finds the merges of the definition; the order of texts has
// no influence; encoding the training text gives what training arrived at.
func TestBPETraining(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for round := range 60 {
		var texts []string
		for range 1 + r.IntN(30) {
			texts = append(texts, randomText(r)+"x")
		}
		cfg := BPE{Level: ByteLevel, Size: 258 + r.IntN(60), MinCount: 1 + r.IntN(3), Specials: Specials{Padding, Unknown}}
		if round%2 == 1 {
			cfg.Level, cfg.Size = CharacterLevel, 6+r.IntN(60)
		}
		k := train(t, cfg, texts...).(*BPETokenizer)
		bare := &BPETokenizer{Specials: k.Specials, Level: k.Level, Characters: k.Characters}
		var words []bpeWord
		for i := range texts {
			for at := 0; at < len(texts[i]); {
				end := pieceEnd(texts[i], at)
				tokens, err := bare.split(nil, texts[i][at:end], bare.lookup())
				if err != nil {
					t.Fatal(err)
				}
				words = append(words, bpeWord{tokens, 1})
				at = end
			}
		}
		if want := naiveMerges(words, int32(bare.base()), cfg); !reflect.DeepEqual(k.Merges, want) {
			t.Fatalf("%+v of %q: merges %v, want %v", cfg, texts, k.Merges, want)
		}
		slices.Reverse(texts)
		if again := train(t, cfg, texts...).(*BPETokenizer); !reflect.DeepEqual(again.Merges, k.Merges) || !reflect.DeepEqual(again.Characters, k.Characters) {
			t.Fatalf("another order of texts gives other merges")
		}
		slices.Reverse(texts)
		for i := range texts {
			var want []int32
			for len(words) > 0 && len(k.Decode(want)) < len(texts[i]) && round%2 == 0 {
				want = append(want, words[0].tokens...)
				words = words[1:]
			}
			got := encode(t, k, texts[i], data.Draw{})
			if round%2 == 0 && (!slices.Equal(got, want) || k.Decode(got) != texts[i]) {
				t.Fatalf("%q: tokens %v, training ended with %v", texts[i], got, want)
			}
		}
	}
}

// With dropout the text stays the same, tokens become more, and the same draw
// gives the same ones; evaluation has none.
func TestBPEDropout(t *testing.T) {
	cfg := DefaultBPE()
	cfg.Size, cfg.Dropout = 300, 0.3
	text := strings.Repeat("the other brother bothers the mother ", 20)
	k := train(t, cfg, text)
	plain := encode(t, k, text, data.Draw{})
	seen := map[string]bool{}
	for epoch := range 10 {
		d := data.Draw{Training: true, Seed: 1, Epoch: epoch, Item: 3}
		got := encode(t, k, text, d)
		if k.Decode(got) != text || len(got) <= len(plain) || !slices.Equal(got, encode(t, k, text, d)) {
			t.Fatalf("epoch %d: %d tokens, without dropout %d; %q", epoch, len(got), len(plain), k.Decode(got))
		}
		seen[fmt.Sprint(got)] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d different encodings in 10 epochs", len(seen))
	}
}

// A hostile file can't ask for a token that is longer than a piece, joins
// forward, or joins special tokens.
func TestBPEValidate(t *testing.T) {
	grow := BPETokenizer{Level: ByteLevel, Merges: [][2]int32{{0, 0}}}
	for i := range 40 {
		grow.Merges = append(grow.Merges, [2]int32{int32(256 + i), int32(256 + i)})
	}
	for _, k := range []*BPETokenizer{
		&grow,
		{Level: ByteLevel, Merges: [][2]int32{{0, 256}}},
		{Level: ByteLevel, Merges: [][2]int32{{-1, 0}}},
		{Level: ByteLevel, Specials: Specials{Padding}, Merges: [][2]int32{{0, 1}}},
		{Level: "words"},
		{Level: ByteLevel, Dropout: 1},
		{Level: CharacterLevel, Characters: []string{"a", "a"}},
	} {
		if err := k.Validate(); err == nil {
			t.Errorf("%+v is taken", k)
		}
	}
}

func TestAugment(t *testing.T) {
	cfg := DefaultBytes()
	cfg.Specials = Specials{Padding, Mask}
	k := train(t, cfg)
	text := strings.Repeat("abcdefghij", 100)
	base := encode(t, k, text, data.Draw{})
	apply := func(a Augment, tokens []int32, item int) []int32 {
		t.Helper()
		if err := a.Validate(); err != nil {
			t.Fatal(err)
		}
		d := data.Draw{Training: true, Seed: 7, Epoch: 1, Item: item}
		got, err := a.Apply(slices.Clone(tokens), k, d)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := a.Apply(slices.Clone(tokens), k, d); !slices.Equal(got, again) {
			t.Fatalf("%+v: the same draw gives other tokens", a)
		}
		return got
	}
	if n := len(apply(DropTokens{0.25}, base, 0)); n < 700 || n > 800 {
		t.Errorf("a quarter dropped: %d of 1000 left", n)
	}
	for item := range 20 {
		if got := apply(DropTokens{1}, base[:item+1], item); len(got) != 1 {
			t.Errorf("all dropped: %v", got)
		}
	}
	masked, changed := 0, 0
	for i, n := range apply(MaskTokens{P: 0.5, Mask: 0.6, Random: 0.2}, base, 0) {
		if n == 1 {
			masked++
		} else if n != base[i] {
			changed++
			if n < 2 {
				t.Errorf("a random token is special: %d", n)
			}
		}
	}
	if masked < 250 || masked > 350 || changed < 70 || changed > 130 {
		t.Errorf("%d masked and %d changed of 1000, want about 300 and 100", masked, changed)
	}
	if _, err := DefaultMaskTokens().Apply(base, train(t, DefaultBytes()), data.Draw{}); err == nil {
		t.Error("masked without a mask token")
	}
	lost, whole := 0, 0
	for item := range 200 {
		got := apply(DropSpans{P: 0.5, Share: 0.1}, base, item)
		n := len(base) - len(got)
		at := 0
		for at < len(got) && got[at] == base[at] {
			at++
		}
		if n > 100 || !slices.Equal(got[at:], base[at+n:]) {
			t.Fatalf("%d tokens lost at %d", n, at)
		}
		lost += n
		if n == 0 {
			whole++
		}
	}
	if whole < 70 || whole > 130 || lost < 3500 || lost > 6500 {
		t.Errorf("%d of 200 texts stay whole, %d tokens are lost", whole, lost)
	}
	if got := apply(DropSpans{P: 1, Share: 1}, base[:1], 0); len(got) != 1 {
		t.Errorf("the only token is lost")
	}
}

func TestNGrams(t *testing.T) {
	at := func(s string) int {
		h := fnv.New64a()
		h.Write([]byte(s))
		return int(h.Sum64() % 1000)
	}
	for _, c := range []struct {
		cfg  NGrams
		text string
		want []string
	}{
		{NGrams{"words", 1, 2, 1000, true, KeepPunctuation}, "The cat, the cat", []string{"the", "cat", ",", "the", "cat", "the\x00cat", "cat\x00,", ",\x00the", "the\x00cat"}},
		{NGrams{"words", 3, 3, 1000, false, DropPunctuation}, "a b, C d", []string{"a\x00b\x00C", "b\x00C\x00d"}},
		{NGrams{"characters", 2, 3, 1000, false, KeepPunctuation}, "añb", []string{"añ", "ñb", "añb"}},
	} {
		got, want := make([]float32, 1000), make([]float32, 1000)
		c.cfg.Count(got, c.text)
		for _, s := range c.want {
			want[at(s)]++
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v of %q is wrong", c.cfg, c.text)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{BPE{Level: ByteLevel, Size: 100, MinCount: 1, Specials: Specials{Padding}}, "size: 100 is less than the 257 of all bytes and special tokens"},
		{Characters{Limits: Limits{MinCount: 0, Specials: Specials{"pad", Unknown, Unknown}}}, "specials: \"pad\" is not padding, unknown, start, end or mask\nspecials: unknown is there twice\nmin_count: 0 is less than 1"},
		{Characters{Limits: Limits{MinCount: 2}}, "specials: what size or min_count leave out needs a token; add unknown"},
	} {
		if err := c.cfg.Validate(); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.cfg, err, c.want)
		}
	}
	for _, cfg := range []Config{DefaultWords(), DefaultCharacters(), DefaultBPE()} {
		if _, err := cfg.Trainer().Tokenizer(); err == nil || err.Error() != "the texts of the training split have no tokens" {
			t.Errorf("%T of nothing: %v", cfg, err)
		}
	}
	tr := BPE{Level: CharacterLevel, Size: 3, MinCount: 1}.Trainer()
	tr.Add("abcdef")
	if _, err := tr.Tokenizer(); err == nil {
		t.Error("six characters fit in three tokens")
	}
}

func FuzzBPE(f *testing.F) {
	cfg := DefaultBPE()
	cfg.Size, cfg.Dropout = 400, 0.2
	k := train(f, cfg, strings.Repeat("to be or not to be, that is the question 12 123\n", 10))
	f.Add("to be\n  not")
	f.Add("\xff\xfe é \u3000x")
	f.Fuzz(func(t *testing.T, text string) {
		for _, training := range []bool{false, true} {
			if got := k.Decode(encode(t, k, text, data.Draw{Training: training})); got != text {
				t.Errorf("%q comes back as %q", text, got)
			}
		}
	})
}

func BenchmarkBPE(b *testing.B) {
	cfg := DefaultBPE()
	r := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for range 20000 {
		for range 1 + r.IntN(4) {
			text.WriteString([]string{"the", "er", "in", "on", "st", "qu", "a", "o"}[r.IntN(8)])
		}
		text.WriteByte(' ')
	}
	cfg.Size = 1000
	b.Run("train", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		for b.Loop() {
			train(b, cfg, text.String())
		}
	})
	k := train(b, cfg, text.String())
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		var tokens []int32
		for b.Loop() {
			tokens, _ = k.Encode(tokens[:0], text.String(), data.Draw{})
		}
	})
}
