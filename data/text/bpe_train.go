package text

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Trainer begins to learn.
func (c BPE) Trainer() Trainer { return &bpeTrainer{c, map[string]int{}} }

// bpeTrainer counts pieces.
type bpeTrainer struct {
	cfg    BPE
	pieces map[string]int
}

func (t *bpeTrainer) Add(text string) {
	for i := 0; i < len(text); {
		end := pieceEnd(text, i)
		piece := text[i:end]
		if n, ok := t.pieces[piece]; ok {
			t.pieces[piece] = n + 1
		} else {
			t.pieces[strings.Clone(piece)] = 1 // the text itself is not kept
		}
		i = end
	}
}

func (t *bpeTrainer) Tokenizer() (Tokenizer, error) {
	if len(t.pieces) == 0 {
		return nil, errors.New("the texts of the training split have no tokens")
	}
	out := &BPETokenizer{Specials: t.cfg.Specials, Level: t.cfg.Level, Dropout: t.cfg.Dropout}
	if t.cfg.Level == CharacterLevel {
		out.Characters = t.characters()
		if n := out.base(); n > t.cfg.Size {
			return nil, fmt.Errorf("the texts of the training split have %d different characters and special tokens, more than the size of %d; add unknown to the specials, or take level bytes", n, t.cfg.Size)
		}
	}
	words := make([]bpeWord, 0, len(t.pieces))
	single := out.lookup()
	for _, piece := range slices.Sorted(maps.Keys(t.pieces)) {
		w := bpeWord{count: t.pieces[piece]}
		var err error
		if w.tokens, err = out.split(nil, piece, single); err != nil {
			return nil, err
		}
		words = append(words, w)
	}
	// What was looked up is without merges.
	return &BPETokenizer{Specials: out.Specials, Level: out.Level, Characters: out.Characters, Dropout: out.Dropout,
		Merges: learnMerges(words, int32(out.base()), t.cfg)}, nil
}

// characters are those of all pieces, as many as the vocabulary has room for if
// the rest may be unknown.
func (t *bpeTrainer) characters() []string {
	counts := map[string]int{}
	for piece, n := range t.pieces {
		for i := 0; i < len(piece); {
			c, size := character(piece[i:])
			counts[c] += n
			i += size
		}
	}
	list := ranked(counts, 1)
	if _, ok := t.cfg.Specials.Special(Unknown); ok {
		list = list[:min(len(list), t.cfg.Size-len(t.cfg.Specials))]
	}
	return list
}

// A bpeWord is a piece and how often it occurs.
type bpeWord struct {
	tokens []int32
	count  int
}

// A bpePair is a pair of neighbours: how often it occurs, and in which words,
// some of which may have lost it.
type bpePair struct {
	pair  [2]int32
	count int
	words []int32
}

// bpeQueue is a heap of pairs with the count that they had when they were put
// in. Counts only fall, since a pair can arise only in the step that makes one
// of its tokens; so an entry that is out of date is too far ahead, never too
// far behind.
type bpeQueue []bpeEntry

type bpeEntry struct {
	count int
	*bpePair
}

func (q bpeQueue) Len() int { return len(q) }
func (q bpeQueue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].count, q[i].count), slices.Compare(q[i].pair[:], q[j].pair[:])) < 0
}
func (q bpeQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *bpeQueue) Push(x any)   { *q = append(*q, x.(bpeEntry)) }
func (q *bpeQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// learnMerges joins the most frequent pair until the vocabulary is full.
func learnMerges(words []bpeWord, next int32, cfg BPE) [][2]int32 {
	unknown, hasUnknown := cfg.Specials.Special(Unknown)
	pairs := map[[2]int32]*bpePair{}
	note := func(a, b int32, word, count int) *bpePair {
		if hasUnknown && (a == unknown || b == unknown) {
			return nil
		}
		p := pairs[[2]int32{a, b}]
		if p == nil {
			p = &bpePair{pair: [2]int32{a, b}}
			pairs[p.pair] = p
		}
		p.count += count
		if n := len(p.words); count > 0 && (n == 0 || p.words[n-1] != int32(word)) {
			p.words = append(p.words, int32(word))
		}
		return p
	}
	for w := range words {
		for i := range len(words[w].tokens) - 1 {
			note(words[w].tokens[i], words[w].tokens[i+1], w, words[w].count)
		}
	}
	var queue bpeQueue
	for _, p := range pairs {
		queue = append(queue, bpeEntry{p.count, p})
	}
	heap.Init(&queue)
	var merges [][2]int32
	for len(queue) > 0 && int(next) < cfg.Size {
		top := heap.Pop(&queue).(bpeEntry)
		if top.bpePair.count != top.count {
			if top.bpePair.count >= cfg.MinCount {
				heap.Push(&queue, bpeEntry{top.bpePair.count, top.bpePair})
			}
			continue
		}
		if top.count < cfg.MinCount {
			break
		}
		fresh := map[*bpePair]bool{}
		for _, w := range top.words {
			word := &words[w]
			for i := 0; i < len(word.tokens)-1; i++ {
				if word.tokens[i] != top.pair[0] || word.tokens[i+1] != top.pair[1] {
					continue
				}
				if i > 0 {
					note(word.tokens[i-1], top.pair[0], int(w), -word.count)
					fresh[note(word.tokens[i-1], next, int(w), word.count)] = true
				}
				if i+2 < len(word.tokens) {
					note(top.pair[1], word.tokens[i+2], int(w), -word.count)
					fresh[note(next, word.tokens[i+2], int(w), word.count)] = true
				}
				word.tokens = join(word.tokens, i, next)
			}
		}
		top.words, top.bpePair.count = nil, 0
		delete(fresh, nil)
		for p := range fresh {
			if p.count >= cfg.MinCount {
				heap.Push(&queue, bpeEntry{p.count, p})
			}
		}
		merges = append(merges, top.pair)
		next++
	}
	return merges
}
