// Package gpt is the decoder of GPT-2: a language model of pre-norm blocks of
// causal attention and a two-layer network.
//
// Source: Radford and others, "Language models are unsupervised multitask
// learners" (2019), section 2.3; keys, layouts and initial values as in
// GPT2LMHeadModel of Hugging Face Transformers 4.
package gpt

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// Config describes a [Model].
type Config struct {
	Vocabulary int  `json:"vocabulary" yaml:"vocabulary"`
	Context    int  `json:"context" yaml:"context"` // the most tokens of a sequence
	Layers     int  `json:"layers" yaml:"layers"`
	Width      int  `json:"width" yaml:"width"`
	Heads      int  `json:"heads" yaml:"heads"`
	Hidden     int  `json:"hidden" yaml:"hidden"`       // width inside the two-layer networks
	Tied       bool `json:"tied" yaml:"tied"`           // the head is the table of tokens
	Bias       bool `json:"bias" yaml:"bias"`           // of projections and norms
	HeadBias   bool `json:"head_bias" yaml:"head_bias"` // of the head
	// Probabilities of dropout: of the embedded tokens, of the weights of
	// attention, and of what each half of a block adds.
	EmbeddingDropout float64 `json:"embedding_dropout" yaml:"embedding_dropout"`
	AttentionDropout float64 `json:"attention_dropout" yaml:"attention_dropout"`
	ResidualDropout  float64 `json:"residual_dropout" yaml:"residual_dropout"`
	Eps              float64 `json:"eps" yaml:"eps"` // of the norms
}

// GPT2 is the smallest of the four models of the paper, 124 million parameters.
func GPT2() Config {
	return Config{
		Vocabulary: 50257, Context: 1024, Layers: 12, Width: 768, Heads: 12, Hidden: 4 * 768, Tied: true, Bias: true,
		EmbeddingDropout: 0.1, AttentionDropout: 0.1, ResidualDropout: 0.1, Eps: 1e-5,
	}
}

// Small is a model for a small vocabulary, without dropout and with a head of
// its own: 4 layers of width 256 and 4 heads, 128 tokens.
func Small(vocabulary int) Config {
	return Config{Vocabulary: vocabulary, Context: 128, Layers: 4, Width: 256, Heads: 4, Hidden: 4 * 256, Bias: true, Eps: 1e-5}
}

// maxLayers is more than any model has; a config may come from elsewhere.
const maxLayers = 1000

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	var errs []error
	add := func(format string, a ...any) { errs = append(errs, fmt.Errorf("gpt: "+format, a...)) }
	for _, n := range []struct {
		name string
		n    int
	}{{"vocabulary", cfg.Vocabulary}, {"context", cfg.Context}, {"layers", cfg.Layers}, {"width", cfg.Width}, {"heads", cfg.Heads}, {"hidden", cfg.Hidden}} {
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
		if err := errors.Join(nn.DefaultEmbedding(cfg.Vocabulary, cfg.Width).Validate(), nn.DefaultEmbedding(cfg.Context, cfg.Width).Validate(),
			nn.DefaultLinear(cfg.Width, 3*cfg.Width).Validate(), nn.DefaultLinear(cfg.Width, cfg.Hidden).Validate()); err != nil {
			add("%w", err)
		}
	}
	for _, p := range []struct {
		name string
		p    float64
	}{{"embedding", cfg.EmbeddingDropout}, {"attention", cfg.AttentionDropout}, {"residual", cfg.ResidualDropout}} {
		if !(p.p >= 0 && p.p <= 1) {
			add("%s dropout: probability %v is outside 0..1", p.name, p.p)
		}
	}
	if !(cfg.Eps >= 0) {
		add("eps must not be negative, got %v", cfg.Eps)
	}
	return errors.Join(errs...)
}

// Model gives the logits of the next token at each place. Its keys are those of
// GPT2LMHeadModel: transformer.wte.weight, transformer.h.0.attn.c_attn.weight and
// so on; lm_head.weight only where the head is not tied.
type Model struct {
	Config      Config `param:"-"`
	Transformer *Transformer
	LMHead      *Head `param:"lm_head"`
}

// New makes a model.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Model{Config: cfg, Transformer: newTransformer(cfg)}
	m.LMHead = &Head{Weight: module.NewParam(normal, cfg.Vocabulary, cfg.Width)}
	if cfg.Tied {
		m.LMHead.Weight = m.Transformer.WTE.Weight
	}
	if cfg.HeadBias {
		m.LMHead.Bias = module.NewParam(nn.Zeros(), cfg.Vocabulary)
	}
	return m, nil
}

// normal draws from N(0, 0.02^2).
var normal = nn.Normal(0, 0.02)

// Forward gives the logits [B T Vocabulary] of tokens [B T], integers, T at
// most Context.
func (m *Model) Forward(c *nn.Ctx, tokens *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return m.LMHead.Forward(c, m.Transformer.Forward(c, tokens))
}

// Head is the last linear map, of a weight [Vocabulary Width].
type Head struct{ Weight, Bias *nn.Param }

// Forward maps the last axis of x.
func (h *Head) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(h)()
	var bias *ir.Value
	if h.Bias != nil {
		bias = c.Param(h.Bias)
	}
	return ops.Linear(x, c.Param(h.Weight), bias)
}

// Transformer is the model without its head.
type Transformer struct {
	Context int           `param:"-"`
	WTE     *nn.Embedding `param:"wte"` // of tokens
	WPE     *nn.Embedding `param:"wpe"` // of places
	Drop    *nn.Dropout   // of their sum
	H       []*Block      `param:"h"`
	LNF     *nn.LayerNorm `param:"ln_f"`
}

func newTransformer(cfg Config) *Transformer {
	embedding := func(count int) *nn.Embedding {
		e := nn.NewEmbedding(count, cfg.Width)
		e.Weight.Init = normal
		return e
	}
	t := &Transformer{
		Context: cfg.Context, WTE: embedding(cfg.Vocabulary), WPE: embedding(cfg.Context),
		Drop: nn.NewDropout(cfg.EmbeddingDropout), LNF: cfg.norm(),
	}
	for range cfg.Layers {
		t.H = append(t.H, cfg.block())
	}
	return t
}

func (cfg Config) norm() *nn.LayerNorm {
	n := nn.DefaultLayerNorm(cfg.Width)
	n.Eps, n.Bias = cfg.Eps, cfg.Bias
	return n.Build()
}

// Forward gives the normalised states [B T Width] of tokens [B T].
func (t *Transformer) Forward(c *nn.Ctx, tokens *ir.Value) *ir.Value {
	defer c.Enter(t)()
	if c.Graph().Err() != nil {
		return tokens
	}
	if tokens.Rank() != 2 || tokens.Dim(1) > t.Context {
		c.Graph().Fail("gpt", fmt.Sprintf("wants tokens [B T] with T at most %d", t.Context), []*ir.Value{tokens})
		return tokens
	}
	places := c.Param(t.WPE.Weight) // [T Width]
	if n := tokens.Dim(1); n < t.Context {
		places = ops.Narrow(places, 0, 0, n)
	}
	x := t.Drop.Forward(c, ops.Add(t.WTE.Forward(c, tokens), places))
	for _, block := range t.H {
		x = block.Forward(c, x)
	}
	return t.LNF.Forward(c, x)
}

// Block adds attention and then a two-layer network, each of the normalised
// state.
type Block struct {
	LN1  *nn.LayerNorm `param:"ln_1"`
	Attn *Attention
	LN2  *nn.LayerNorm `param:"ln_2"`
	MLP  *MLP          `param:"mlp"`
}

func (cfg Config) block() *Block {
	drop := nn.NewDropout(cfg.ResidualDropout)
	return &Block{
		LN1: cfg.norm(),
		Attn: &Attention{
			Heads: cfg.Heads, Dropout: cfg.AttentionDropout,
			CAttn: cfg.projection(cfg.Width, 3*cfg.Width, false), CProj: cfg.projection(cfg.Width, cfg.Width, true), ResidDropout: drop,
		},
		LN2: cfg.norm(),
		MLP: &MLP{CFC: cfg.projection(cfg.Width, cfg.Hidden, false), CProj: cfg.projection(cfg.Hidden, cfg.Width, true), Dropout: nn.NewDropout(cfg.ResidualDropout)},
	}
}

// Forward maps states [B T Width].
func (b *Block) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(b)()
	x = ops.Add(x, b.Attn.Forward(c, b.LN1.Forward(c, x)))
	return ops.Add(x, b.MLP.Forward(c, b.LN2.Forward(c, x)))
}

// Attention lets each place read those up to itself.
type Attention struct {
	Heads        int         `param:"-"`
	Dropout      float64     `param:"-"`      // of the weights
	CAttn        *Projection `param:"c_attn"` // queries, keys and values behind each other
	CProj        *Projection `param:"c_proj"`
	ResidDropout *nn.Dropout // of the result
}

// Forward maps states [B T Width].
func (a *Attention) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(a)()
	if c.Graph().Err() != nil {
		return x
	}
	qkv := a.CAttn.Forward(c, x)
	b, t, width := qkv.Dim(0), qkv.Dim(1), qkv.Dim(2)/3
	o := ops.AttentionOptions{Causal: true}
	if c.Training() && a.Dropout != 0 {
		key := c.Random()
		o.Dropout = &ops.AttentionDropout{P: a.Dropout, Seed: key.Seed, Step: key.Step, Stream: key.Stream}
	}
	y := ops.AttentionPacked(ops.Reshape(qkv, b, t, 3*a.Heads, width/a.Heads), a.Heads, o) // [B T H K]
	return a.ResidDropout.Forward(c, a.CProj.Forward(c, ops.Reshape(y, b, t, width)))
}

// MLP is two projections with the tangent form of GELU between them.
type MLP struct {
	CFC     *Projection `param:"c_fc"`
	CProj   *Projection `param:"c_proj"`
	Dropout *nn.Dropout
}

// Forward maps states [B T Width].
func (m *MLP) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return m.Dropout.Forward(c, m.CProj.Forward(c, ops.GELUTanh(m.CFC.Forward(c, x))))
}

// Projection is a linear map whose weight is stored [In Out], as GPT-2's files
// have it.
type Projection struct{ Weight, Bias *nn.Param }

// projection makes a projection; the initial weights of one whose result is
// added to the state shrink by the root of the number of such sums.
func (cfg Config) projection(in, out int, residual bool) *Projection {
	init := normal
	if residual {
		init = nn.Normal(0, 0.02/math.Sqrt(float64(2*cfg.Layers)))
	}
	p := &Projection{Weight: module.NewParam(init, in, out)}
	if cfg.Bias {
		p.Bias = module.NewParam(nn.Zeros(), out)
	}
	return p
}

// Forward maps the last axis of x.
func (p *Projection) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(p)()
	y := ops.MatMul(x, c.Param(p.Weight))
	if p.Bias != nil {
		y = ops.AddBias(y, c.Param(p.Bias), -1)
	}
	return y
}
