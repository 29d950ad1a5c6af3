package block

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// Shown is true where tokens [B T] are no padding; nil if no number stands for
// padding, or if tokens are no whole numbers, which an embedding refuses.
func Shown(tokens *ir.Value, padding *int) *ir.Value {
	g := tokens.Graph()
	if padding == nil || g.Err() != nil || !tokens.DType().IsInt() {
		return nil
	}
	return ops.Ne(ops.Cast(tokens, dtype.Int64), ops.FullInt(g, dtype.Int64, shape.Shape{}, int64(*padding)))
}

// Ends is the place behind the last one of each sequence that a mask [B T] shows,
// [B]: what it hides before that is a part of the sequence.
func Ends(shown *ir.Value) *ir.Value {
	number := ops.Iota(shown.Graph(), dtype.Int64, shown.Shape(), 1)
	one := ops.FullInt(shown.Graph(), dtype.Int64, shape.Shape{}, 1)
	return ops.Amax(ops.Mul(ops.Cast(shown, dtype.Int64), ops.Add(number, one)), 1)
}

// Embedding wants settings that an embedding of tokens takes.
func (p *Problems) Embedding(vocabulary, width int, padding *int) {
	p.Within("vocabulary", vocabulary, maxVocabulary)
	p.Within("width", width, MaxChannels)
	if padding != nil && (*padding < 0 || *padding >= vocabulary) {
		p.Add("padding_idx %d is not one of the %d tokens", *padding, vocabulary)
	}
}

// Pair wants vocabularies of a source and a target that embeddings take.
func (p *Problems) Pair(source, target int, padding *int) {
	for _, v := range []struct {
		name string
		n    int
	}{{"source_vocabulary", source}, {"target_vocabulary", target}} {
		p.Within(v.name, v.n, maxVocabulary)
		if padding != nil && (*padding < 0 || *padding >= v.n) {
			p.Add("padding_idx %d is outside %s of %d", *padding, v.name, v.n)
		}
	}
}

const maxVocabulary = 1 << 28
