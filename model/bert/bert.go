// Package bert is the encoder BERT: post-norm layers in which every token sees
// every other, and a head that guesses tokens.
//
// Source: Devlin and others, "BERT: pre-training of deep bidirectional
// transformers for language understanding" (2018), section 3; keys, formulas
// and initial values as in BertModel and BertForMaskedLM of Hugging Face
// Transformers 5.
package bert

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Config describes a [Model].
type Config struct {
	Vocabulary int `json:"vocabulary" yaml:"vocabulary"`
	Context    int `json:"context" yaml:"context"` // the most tokens of a sequence
	Types      int `json:"types" yaml:"types"`     // kinds of tokens, such as first and second sentence
	Layers     int `json:"layers" yaml:"layers"`
	Width      int `json:"width" yaml:"width"`
	Heads      int `json:"heads" yaml:"heads"`
	Hidden     int `json:"hidden" yaml:"hidden"` // width inside the two-layer networks
	// PaddingIdx is a token whose vector is 0 at first and gets no gradient
	// where it is looked up.
	PaddingIdx       *int    `json:"padding_idx" yaml:"padding_idx"`
	Dropout          float64 `json:"dropout" yaml:"dropout"`                     // probability, of the embedded tokens and of what each half of a layer adds
	AttentionDropout float64 `json:"attention_dropout" yaml:"attention_dropout"` // of the weights of attention
	Eps              float64 `json:"eps" yaml:"eps"`                             // of the norms
}

// Base is the smaller of the two models of the paper, 110 million parameters,
// with the vocabulary of bert-base-uncased.
func Base() Config {
	return Config{
		Vocabulary: 30522, Context: 512, Types: 2, Layers: 12, Width: 768, Heads: 12, Hidden: 4 * 768,
		PaddingIdx: new(0), Dropout: 0.1, AttentionDropout: 0.1, Eps: 1e-12,
	}
}

// maxLayers is more than any model has; a config may come from elsewhere.
const maxLayers = 1000

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	var errs []error
	add := func(format string, a ...any) { errs = append(errs, fmt.Errorf("bert: "+format, a...)) }
	for _, n := range []struct {
		name string
		n    int
	}{{"vocabulary", cfg.Vocabulary}, {"context", cfg.Context}, {"types", cfg.Types}, {"layers", cfg.Layers}, {"width", cfg.Width}, {"heads", cfg.Heads}, {"hidden", cfg.Hidden}} {
		if n.n < 1 {
			add("%s must be at least 1, got %d", n.name, n.n)
		}
	}
	if cfg.Layers > maxLayers {
		add("layers must be at most %d, got %d", maxLayers, cfg.Layers)
	}
	if len(errs) == 0 {
		if cfg.Width%cfg.Heads != 0 {
			add("width %d can't be split among %d heads", cfg.Width, cfg.Heads)
		}
		if err := errors.Join(cfg.words().Validate(), nn.DefaultEmbedding(cfg.Context, cfg.Width).Validate(), nn.DefaultEmbedding(cfg.Types, cfg.Width).Validate(),
			nn.DefaultLinear(cfg.Width, cfg.Width).Validate(), nn.DefaultLinear(cfg.Width, cfg.Hidden).Validate()); err != nil {
			add("%w", err)
		}
	}
	for _, p := range []struct {
		name string
		p    float64
	}{{"dropout", cfg.Dropout}, {"attention dropout", cfg.AttentionDropout}} {
		if !(p.p >= 0 && p.p <= 1) {
			add("%s: probability %v is outside 0..1", p.name, p.p)
		}
	}
	if !(cfg.Eps >= 0) {
		add("eps must not be negative, got %v", cfg.Eps)
	}
	return errors.Join(errs...)
}

func (cfg Config) words() nn.EmbeddingConfig {
	e := nn.DefaultEmbedding(cfg.Vocabulary, cfg.Width)
	e.PaddingIdx = cfg.PaddingIdx
	return e
}

// normal draws from N(0, 0.02^2).
var normal = nn.Normal(0, 0.02)

func linear(in, out int) *nn.Linear {
	l := nn.NewLinear(in, out)
	l.Weight.Init, l.Bias.Init = normal, nn.Zeros()
	return l
}

func (cfg Config) norm() *nn.LayerNorm {
	n := nn.DefaultLayerNorm(cfg.Width)
	n.Eps = cfg.Eps
	return n.Build()
}

// Input is a batch of sequences. Values that are nil are left out.
type Input struct {
	Tokens *ir.Value // [B T], integers; T at most Context
	Types  *ir.Value // [B T], integers; nil: all 0
	// Lengths tells how many tokens a sequence has, [B], integers; what comes
	// after is seen by nobody.
	Lengths *ir.Value
	// Mask is true where a token is seen, [B T], bool.
	Mask *ir.Value
}

func (in Input) check(context int) error {
	t := in.Tokens
	if t.Rank() != 2 || t.Dim(1) > context {
		return fmt.Errorf("wants tokens [B T] with T at most %d", context)
	}
	if in.Types != nil && in.Types.Shape() != t.Shape() {
		return fmt.Errorf("wants types %v, got %v", t.Shape(), in.Types.Type())
	}
	if in.Lengths != nil && (in.Lengths.Shape() != shape.Of(t.Dim(0)) || !in.Lengths.DType().IsInt()) {
		return fmt.Errorf("wants lengths [%d], integers, got %v", t.Dim(0), in.Lengths.Type())
	}
	if in.Mask != nil && (in.Mask.Shape() != t.Shape() || in.Mask.DType() != dtype.Bool) {
		return fmt.Errorf("wants a mask bool%v, got %v", t.Shape(), in.Mask.Type())
	}
	return nil
}

// attention are the options of attention among the tokens.
func (in Input) attention() ops.AttentionOptions {
	o := ops.AttentionOptions{Lengths: in.Lengths}
	if in.Mask != nil {
		o.Mask = ops.Reshape(in.Mask, in.Mask.Dim(0), 1, 1, in.Mask.Dim(1))
	}
	return o
}

// Model gives the states of tokens. Its keys are those of BertModel:
// embeddings.word_embeddings.weight,
// encoder.layer.0.attention.self.query.weight, pooler.dense.weight and so on.
type Model struct {
	Config     Config `param:"-"`
	Embeddings *Embeddings
	Encoder    *Encoder
	Pooler     *Pooler // nil in a [MaskedLM]
}

// New makes a model with a pooler.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := cfg.model()
	m.Pooler = &Pooler{linear(cfg.Width, cfg.Width)}
	return m, nil
}

func (cfg Config) model() *Model {
	m := &Model{Config: cfg, Embeddings: cfg.embeddings(), Encoder: &Encoder{}}
	for range cfg.Layers {
		m.Encoder.Layer = append(m.Encoder.Layer, cfg.layer())
	}
	return m
}

// Forward gives the states [B T Width] of tokens [B T], all of type 0.
func (m *Model) Forward(c *nn.Ctx, tokens *ir.Value) *ir.Value {
	return m.Encode(c, Input{Tokens: tokens})
}

// Encode gives the states [B T Width] of an input.
func (m *Model) Encode(c *nn.Ctx, in Input) *ir.Value {
	defer c.Enter(m)()
	if c.Graph().Err() != nil {
		return in.Tokens
	}
	if err := in.check(m.Config.Context); err != nil {
		c.Graph().Fail("bert", err.Error(), []*ir.Value{in.Tokens})
		return in.Tokens
	}
	return m.Encoder.encode(c, m.Embeddings.embed(c, in), in.attention())
}

// Embeddings add what is known of a token, of its place and of its type.
type Embeddings struct {
	WordEmbeddings      *nn.Embedding
	PositionEmbeddings  *nn.Embedding
	TokenTypeEmbeddings *nn.Embedding
	LayerNorm           *nn.LayerNorm `param:"LayerNorm"`
	Dropout             *nn.Dropout
}

func (cfg Config) embeddings() *Embeddings {
	embedding := func(e nn.EmbeddingConfig) *nn.Embedding {
		l := e.Build()
		l.Weight.Init = normal
		return l
	}
	e := &Embeddings{
		WordEmbeddings:      embedding(cfg.words()),
		PositionEmbeddings:  embedding(nn.DefaultEmbedding(cfg.Context, cfg.Width)),
		TokenTypeEmbeddings: embedding(nn.DefaultEmbedding(cfg.Types, cfg.Width)),
		LayerNorm:           cfg.norm(), Dropout: nn.NewDropout(cfg.Dropout),
	}
	if p := cfg.PaddingIdx; p != nil {
		e.WordEmbeddings.Weight.Init = func(r *rng.Stream, t *tensor.Tensor) {
			normal(r, t)
			clear(t.Rows(*p, *p+1).Bytes())
		}
	}
	return e
}

func (e *Embeddings) embed(c *nn.Ctx, in Input) *ir.Value {
	defer c.Enter(e)()
	x := e.WordEmbeddings.Forward(c, in.Tokens)
	places := ops.Narrow(c.Param(e.PositionEmbeddings.Weight), 0, 0, in.Tokens.Dim(1)) // [T D]
	if in.Types != nil {
		x = ops.Add(x, e.TokenTypeEmbeddings.Forward(c, in.Types))
	} else {
		places = ops.Add(places, ops.Narrow(c.Param(e.TokenTypeEmbeddings.Weight), 0, 0, 1))
	}
	return e.Dropout.Forward(c, e.LayerNorm.Forward(c, ops.Add(x, places)))
}

// Encoder is a stack of layers.
type Encoder struct{ Layer []*Layer }

func (e *Encoder) encode(c *nn.Ctx, x *ir.Value, o ops.AttentionOptions) *ir.Value {
	defer c.Enter(e)()
	for _, l := range e.Layer {
		x = l.encode(c, x, o)
	}
	return x
}

// Layer adds attention to a state and normalises the sum, then the same with a
// two-layer network.
type Layer struct {
	Attention    *Attention
	Intermediate *Intermediate
	Output       *Output
}

// Attention is the first half of a layer.
type Attention struct {
	Self   *SelfAttention
	Output *Output
}

// SelfAttention lets each token read the others.
type SelfAttention struct {
	Heads             int     `param:"-"`
	Dropout           float64 `param:"-"` // of the weights
	Query, Key, Value *nn.Linear
}

// Intermediate is the first layer of the two-layer network, and GELU.
type Intermediate struct{ Dense *nn.Linear }

// Output maps what a half of a layer made, adds the state that it read, and
// normalises the sum.
type Output struct {
	Dense     *nn.Linear
	LayerNorm *nn.LayerNorm `param:"LayerNorm"`
	Dropout   *nn.Dropout
}

func (cfg Config) layer() *Layer {
	output := func(in int) *Output {
		return &Output{linear(in, cfg.Width), cfg.norm(), nn.NewDropout(cfg.Dropout)}
	}
	project := func() *nn.Linear { return linear(cfg.Width, cfg.Width) }
	return &Layer{
		Attention: &Attention{
			Self:   &SelfAttention{Heads: cfg.Heads, Dropout: cfg.AttentionDropout, Query: project(), Key: project(), Value: project()},
			Output: output(cfg.Width),
		},
		Intermediate: &Intermediate{linear(cfg.Width, cfg.Hidden)},
		Output:       output(cfg.Hidden),
	}
}

func (l *Layer) encode(c *nn.Ctx, x *ir.Value, o ops.AttentionOptions) *ir.Value {
	defer c.Enter(l)()
	x = l.Attention.attend(c, x, o)
	return l.Output.add(c, l.Intermediate.Forward(c, x), x)
}

func (a *Attention) attend(c *nn.Ctx, x *ir.Value, o ops.AttentionOptions) *ir.Value {
	defer c.Enter(a)()
	return a.Output.add(c, a.Self.attend(c, x, o), x)
}

func (s *SelfAttention) attend(c *nn.Ctx, x *ir.Value, o ops.AttentionOptions) *ir.Value {
	defer c.Enter(s)()
	if c.Training() && s.Dropout != 0 {
		key := c.Random()
		o.Dropout = &ops.AttentionDropout{P: s.Dropout, Seed: key.Seed, Step: key.Step, Stream: key.Stream}
	}
	b, t, d := x.Dim(0), x.Dim(1), x.Dim(2)
	heads := func(l *nn.Linear) *ir.Value { return ops.Reshape(l.Forward(c, x), b, t, s.Heads, d/s.Heads) } // [B T H K]
	return ops.Reshape(ops.Attention(heads(s.Query), heads(s.Key), heads(s.Value), o), b, t, d)
}

// Forward maps states [B T Width] to [B T Hidden].
func (m *Intermediate) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return ops.GELU(m.Dense.Forward(c, x))
}

func (o *Output) add(c *nn.Ctx, y, x *ir.Value) *ir.Value {
	defer c.Enter(o)()
	return o.LayerNorm.Forward(c, ops.Add(o.Dropout.Forward(c, o.Dense.Forward(c, y)), x))
}

// Pooler makes one state of a sequence: a linear layer and tanh of that of its
// first token.
type Pooler struct{ Dense *nn.Linear }

// Forward maps states [B T Width] to [B Width].
func (p *Pooler) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(p)()
	if c.Graph().Err() != nil {
		return x
	}
	return ops.Tanh(p.Dense.Forward(c, ops.Reshape(ops.Narrow(x, 1, 0, 1), x.Dim(0), x.Dim(2))))
}

// MaskedLM guesses tokens. Its keys are those of BertForMaskedLM:
// bert.embeddings.word_embeddings.weight, cls.predictions.bias,
// cls.predictions.transform.dense.weight and so on. The last layer is the table
// of tokens.
type MaskedLM struct {
	Bert        *Model
	Predictions *Head `param:"cls.predictions"`
}

// NewMaskedLM makes a model with the head that guesses tokens.
func NewMaskedLM(cfg Config) (*MaskedLM, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &MaskedLM{cfg.model(), &Head{
		Bias:      module.NewParam(nn.Zeros(), cfg.Vocabulary),
		Transform: &Transform{linear(cfg.Width, cfg.Width), cfg.norm()},
	}}, nil
}

// Forward gives the logits [B T Vocabulary] of tokens [B T], all of type 0.
func (m *MaskedLM) Forward(c *nn.Ctx, tokens *ir.Value) *ir.Value {
	return m.Guess(c, Input{Tokens: tokens})
}

// Guess gives the logits [B T Vocabulary] of an input.
func (m *MaskedLM) Guess(c *nn.Ctx, in Input) *ir.Value {
	defer c.Enter(m)()
	x := m.Bert.Encode(c, in)
	if c.Graph().Err() != nil {
		return x
	}
	return m.Predictions.guess(c, x, m.Bert.Embeddings.WordEmbeddings.Weight)
}

// Head is a transform, and the product with the table of tokens.
type Head struct {
	Bias      *nn.Param // of each token
	Transform *Transform
}

func (h *Head) guess(c *nn.Ctx, x *ir.Value, table *nn.Param) *ir.Value {
	defer c.Enter(h)()
	return ops.Linear(h.Transform.Forward(c, x), c.Param(table), c.Param(h.Bias))
}

// Transform is a linear layer, GELU and a norm.
type Transform struct {
	Dense     *nn.Linear
	LayerNorm *nn.LayerNorm `param:"LayerNorm"`
}

// Forward maps states [B T Width].
func (t *Transform) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(t)()
	return t.LayerNorm.Forward(c, ops.GELU(t.Dense.Forward(c, x)))
}
