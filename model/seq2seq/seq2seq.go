// Package seq2seq makes a text of another text: a transformer whose encoder reads
// the source, and whose decoder guesses the target token by token.
//
// Source: Vaswani and others, "Attention is all you need" (2017); layers as
// torch.nn.Transformer.
package seq2seq

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// Config describes a [Model].
type Config struct {
	SourceVocabulary int     `json:"source_vocabulary" yaml:"source_vocabulary"`
	TargetVocabulary int     `json:"target_vocabulary" yaml:"target_vocabulary"`
	Context          int     `json:"context" yaml:"context"` // the most tokens of a source or target
	Width            int     `json:"width" yaml:"width"`
	Heads            int     `json:"heads" yaml:"heads"`
	Hidden           int     `json:"hidden" yaml:"hidden"` // width between the two linear layers of a layer
	EncoderLayers    int     `json:"encoder_layers" yaml:"encoder_layers"`
	DecoderLayers    int     `json:"decoder_layers" yaml:"decoder_layers"`
	Dropout          float64 `json:"dropout" yaml:"dropout"`         // probability, of embeddings and inside the layers
	PaddingIdx       *int    `json:"padding_idx" yaml:"padding_idx"` // number that stands for no token, in sources and targets; null if there is none
}

// Base is the base model of the paper.
func Base(sourceVocabulary, targetVocabulary, context int) Config {
	return Config{
		SourceVocabulary: sourceVocabulary, TargetVocabulary: targetVocabulary, Context: context,
		Width: 512, Heads: 8, Hidden: 2048, EncoderLayers: 6, DecoderLayers: 6, Dropout: 0.1,
	}
}

func (cfg Config) transformer() nn.TransformerConfig {
	t := nn.DefaultTransformer(cfg.Width, cfg.Heads)
	t.Hidden, t.Dropout = cfg.Hidden, cfg.Dropout
	return t
}

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "seq2seq"}
	p.Pair(cfg.SourceVocabulary, cfg.TargetVocabulary, cfg.PaddingIdx)
	p.Within("context", cfg.Context, 1<<20)
	p.Within("encoder_layers", cfg.EncoderLayers, block.MaxBlocks)
	p.Within("decoder_layers", cfg.DecoderLayers, block.MaxBlocks)
	p.Probability("dropout", cfg.Dropout)
	t := cfg.transformer()
	t.Dropout = 0 // told above
	if err := t.Validate(); err != nil {
		p.Add("%w", err)
	}
	return p.Join()
}

// Model is embeddings with sinusoids added, a transformer, and a linear layer that
// guesses tokens. Embeddings are drawn from N(0, 1) and stay as they are, where the
// paper multiplies smaller ones. Its keys are source_embedding.weight, target_embedding.weight, transformer.encoder.layers.0
// and so on, generator.weight.
type Model struct {
	Config          Config `param:"-"`
	SourceEmbedding *nn.Embedding
	TargetEmbedding *nn.Embedding
	Position        *nn.SinusoidalPosition
	Dropout         *nn.Dropout
	Transformer     *nn.Transformer
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
	return &Model{
		Config: cfg, SourceEmbedding: embedding(cfg.SourceVocabulary), TargetEmbedding: embedding(cfg.TargetVocabulary),
		Position: nn.NewSinusoidalPosition(cfg.Context, cfg.Width), Dropout: nn.NewDropout(cfg.Dropout),
		Transformer: cfg.transformer().BuildTransformer(cfg.EncoderLayers, cfg.DecoderLayers),
		Generator:   nn.NewLinear(cfg.Width, cfg.TargetVocabulary),
	}, nil
}

// Map gives for tokens of a source [B S] and a target [B T], of integer types, the
// logits [B T TargetVocabulary] of the token behind each one of the target, which
// sees those up to itself and the whole source but its padding. In training the
// target is the true one, behind a token that starts it.
func (m *Model) Map(c *nn.Ctx, in []*ir.Value) []*ir.Value {
	defer c.Enter(m)()
	if len(in) != 2 {
		c.Graph().Fail("seq2seq", "wants a source and a target", in)
		return in
	}
	memory, hidden := m.encode(c, in[0])
	return []*ir.Value{m.decode(c, in[1], memory, hidden)}
}

// Greedy translates a source [B S] in evaluation: from the token start on it takes
// steps times the likeliest next token, [B steps]. What stands behind a token of
// the end means nothing. Each step runs the decoder over all places.
func (m *Model) Greedy(c *nn.Ctx, source *ir.Value, start, steps int) *ir.Value {
	defer c.Enter(m)()
	memory, hidden := m.encode(c, source)
	g := c.Graph()
	if g.Err() != nil {
		return source
	}
	if steps < 1 || steps > m.Config.Context || start < 0 || start >= m.Config.TargetVocabulary {
		g.Fail("seq2seq", "wants a start out of the vocabulary, and 1 to as many steps as the context", []*ir.Value{source})
		return source
	}
	zero := ops.FullInt(g, dtype.Int64, shape.Shape{}, 0)
	one := ops.FullInt(g, dtype.Int64, shape.Shape{}, 1)
	text := ops.FullInt(g, dtype.Int64, shape.Of(source.Dim(0), steps+1), int64(start))
	carry, _ := ops.ScanN(steps, []*ir.Value{text}, func(t *ir.Value, carry []*ir.Value) (next, ys []*ir.Value) {
		logits := m.decode(c, ops.Narrow(carry[0], 1, 0, steps), memory, hidden)
		best := ops.ArgMax(ops.DynamicNarrow(logits, 1, t, 1), 2) // [B 1]
		return []*ir.Value{ops.DynamicUpdate(carry[0], ops.Cast(best, dtype.Int64), zero, ops.Add(t, one))}, nil
	})
	return ops.Narrow(carry[0], 1, 1, steps)
}

// encode gives the states of a source and where it is hidden, nil if nowhere.
func (m *Model) encode(c *nn.Ctx, source *ir.Value) (memory, hidden *ir.Value) {
	x := m.embed(c, m.SourceEmbedding, source)
	if shown := block.Shown(source, m.Config.PaddingIdx); shown != nil {
		hidden = ops.Not(shown)
	}
	return m.Transformer.Encoder.Encode(c, x, nn.AttentionMask{KeyPadding: hidden}), hidden
}

// decode gives the logits of a target. Its padding stands behind its tokens, which
// don't see it.
func (m *Model) decode(c *nn.Ctx, target, memory, hidden *ir.Value) *ir.Value {
	y := m.embed(c, m.TargetEmbedding, target)
	y = m.Transformer.Decoder.Decode(c, y, memory, nn.AttentionMask{Causal: true}, nn.AttentionMask{KeyPadding: hidden})
	return m.Generator.Forward(c, y)
}

func (m *Model) embed(c *nn.Ctx, l *nn.Embedding, tokens *ir.Value) *ir.Value {
	return m.Dropout.Forward(c, m.Position.Forward(c, l.Forward(c, tokens)))
}
