// Package rnnseq makes a text of another text by recurrent layers: an encoder reads
// the source, and a decoder, which begins with its last states, guesses the target
// token by token and looks the states of the source up by attention.
//
// Source: Luong, Pham and Manning, "Effective approaches to attention-based neural
// machine translation" (2015), equations 5 to 7 with global attention, without
// input feeding.
package rnnseq

import (
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// A Score compares a state of the decoder with one of the encoder.
type Score string

// The scores.
const (
	Dot     Score = "dot"     // their product
	General Score = "general" // their product with a matrix between
)

// Values lists the scores.
func (Score) Values() []string { return []string{string(Dot), string(General)} }

// Config describes a [Model].
type Config struct {
	SourceVocabulary int        `json:"source_vocabulary" yaml:"source_vocabulary"`
	TargetVocabulary int        `json:"target_vocabulary" yaml:"target_vocabulary"`
	Width            int        `json:"width" yaml:"width"` // of a token's vector
	Cell             block.Cell `json:"cell" yaml:"cell"`
	Hidden           int        `json:"hidden" yaml:"hidden"`           // units of a layer
	Layers           int        `json:"layers" yaml:"layers"`           // one above the other, of the encoder and again of the decoder
	Score            Score      `json:"score" yaml:"score"`             // compares states of decoder and encoder
	Dropout          float64    `json:"dropout" yaml:"dropout"`         // probability, of embeddings and between layers
	PaddingIdx       *int       `json:"padding_idx" yaml:"padding_idx"` // number that stands for no token, in sources and targets; null if there is none
}

// Default is one layer of 256 gated units on either side.
func Default(sourceVocabulary, targetVocabulary int) Config {
	return Config{
		SourceVocabulary: sourceVocabulary, TargetVocabulary: targetVocabulary,
		Width: 128, Cell: block.GRU, Hidden: 256, Layers: 1, Score: General, Dropout: 0.2,
	}
}

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "rnn_seq2seq"}
	p.Pair(cfg.SourceVocabulary, cfg.TargetVocabulary, cfg.PaddingIdx)
	p.Within("width", cfg.Width, block.MaxChannels)
	p.Cell(cfg.Cell)
	p.Within("hidden", cfg.Hidden, 1<<16)
	p.Within("layers", cfg.Layers, block.MaxBlocks)
	if all := cfg.Score.Values(); !slices.Contains(all, string(cfg.Score)) {
		p.Add("score: there is no %q; there are %s", string(cfg.Score), strings.Join(all, ", "))
	}
	p.Probability("dropout", cfg.Dropout)
	return p.Join()
}

// Model is embeddings, recurrent layers and attention. For a state h of the last
// layer of the decoder, and those of the encoder, s_i,
//
//	a = softmax(score(h, s_i))     h s_i, or h (attention s_i)
//	c = sum of a_i s_i
//	y = generator(tanh(combine [c; h]))
//
// Padding of the source is left out: a source gives the same in a batch of any
// length. The decoder reads the tokens of the target alone, not y of the step
// before (the paper's input feeding), so it runs over all of them at once. Of the
// linear layers only generator has a bias.
//
// Its keys are source_embedding.weight, target_embedding.weight, encoder.weight_ih_l0
// and decoder.weight_ih_l0 and so on, attention.weight, combine.weight,
// generator.weight and generator.bias; initial values are those of PyTorch's layers.
type Model struct {
	Config          Config `param:"-"`
	SourceEmbedding *nn.Embedding
	TargetEmbedding *nn.Embedding
	Dropout         *nn.Dropout
	Encoder         block.Recurrent
	Decoder         block.Recurrent
	Attention       *nn.Linear // nil for dot
	Lookup          *nn.DotAttention
	Combine         *nn.Linear
	Generator       *nn.Linear
}

// New makes a model.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	embedding := func(count int) *nn.Embedding {
		return nn.EmbeddingConfig{Count: count, Width: cfg.Width, PaddingIdx: cfg.PaddingIdx}.Build()
	}
	plain := func(in int) *nn.Linear {
		return nn.LinearConfig{In: in, Out: cfg.Hidden}.Build()
	}
	layers := nn.RecurrentConfig{In: cfg.Width, Hidden: cfg.Hidden, Layers: cfg.Layers, Bias: true, Dropout: cfg.Dropout}
	m := &Model{
		Config: cfg, SourceEmbedding: embedding(cfg.SourceVocabulary), TargetEmbedding: embedding(cfg.TargetVocabulary),
		Dropout: nn.NewDropout(cfg.Dropout), Encoder: cfg.Cell.Build(layers), Decoder: cfg.Cell.Build(layers),
		Lookup: nn.NewDotAttention(false), Combine: plain(2 * cfg.Hidden), Generator: nn.NewLinear(cfg.Hidden, cfg.TargetVocabulary),
	}
	if cfg.Score == General {
		m.Attention = plain(cfg.Hidden)
	}
	return m, nil
}

// Map gives for tokens of a source [B S] and a target [B T], of integer types, the
// logits [B T TargetVocabulary] of the token behind each one of the target. In
// training the target is the true one, behind a token that starts it.
func (m *Model) Map(c *nn.Ctx, in []*ir.Value) []*ir.Value {
	defer c.Enter(m)()
	if len(in) != 2 {
		c.Graph().Fail("rnn_seq2seq", "wants a source and a target", in)
		return in
	}
	s, states := m.encode(c, in[0])
	logits, _ := m.decode(c, in[1], s, states)
	return []*ir.Value{logits}
}

// Greedy translates a source [B S] in evaluation: from the token start on it takes
// steps times the likeliest next token, [B steps]. What stands behind a token of
// the end means nothing.
func (m *Model) Greedy(c *nn.Ctx, source *ir.Value, start, steps int) *ir.Value {
	defer c.Enter(m)()
	s, states := m.encode(c, source)
	g := c.Graph()
	if g.Err() != nil {
		return source
	}
	if steps < 1 || start < 0 || start >= m.Config.TargetVocabulary {
		g.Fail("rnn_seq2seq", "wants a start out of the vocabulary, and 1 step or more", []*ir.Value{source})
		return source
	}
	token := ops.FullInt(g, dtype.Int64, shape.Of(source.Dim(0), 1), int64(start))
	_, text := ops.ScanN(steps, append([]*ir.Value{token}, states...), func(_ *ir.Value, carry []*ir.Value) (next, ys []*ir.Value) {
		logits, states := m.decode(c, carry[0], s, carry[1:])
		best := ops.Cast(ops.ArgMax(logits, 2), dtype.Int64) // [B 1]
		return append([]*ir.Value{best}, states...), []*ir.Value{best}
	})
	return ops.Transpose(ops.Reshape(text[0], steps, source.Dim(0)), 1, 0)
}

// A memory is a source that has been read.
type memory struct {
	keys, values *ir.Value // [B S Hidden]
	shown        *ir.Value // [B S]; nil if all is
}

// encode reads a source; it gives the last states of the layers too.
func (m *Model) encode(c *nn.Ctx, source *ir.Value) (memory, []*ir.Value) {
	x := m.Dropout.Forward(c, m.SourceEmbedding.Forward(c, source))
	if c.Graph().Err() == nil && x.Rank() != 3 {
		c.Graph().Fail("rnn_seq2seq", "wants a source [B S]", []*ir.Value{source})
	}
	if c.Graph().Err() != nil {
		return memory{x, x, nil}, []*ir.Value{x, x}
	}
	s := memory{shown: block.Shown(source, m.Config.PaddingIdx)}
	var lengths *ir.Value
	if s.shown != nil {
		lengths = block.Ends(s.shown)
	}
	y, states := block.Unroll(c, m.Encoder, x, nil, lengths)
	s.keys, s.values = y, y
	if m.Attention != nil {
		s.keys = m.Attention.Forward(c, y)
	}
	return s, states
}

// decode gives the logits of a target and the states behind it.
func (m *Model) decode(c *nn.Ctx, target *ir.Value, s memory, states []*ir.Value) (*ir.Value, []*ir.Value) {
	x := m.Dropout.Forward(c, m.TargetEmbedding.Forward(c, target))
	h, states := block.Unroll(c, m.Decoder, x, states, nil)
	found := m.Lookup.Attend(c, h, s.keys, s.values, s.shown)
	if c.Graph().Err() != nil {
		return x, states
	}
	return m.Generator.Forward(c, ops.Tanh(m.Combine.Forward(c, ops.Concat(2, found, h)))), states
}
