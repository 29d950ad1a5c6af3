package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// A TransformerActivation is the function inside a layer of a transformer.
type TransformerActivation string

// The activations.
const (
	ReLUActivation TransformerActivation = "relu"
	GELUActivation TransformerActivation = "gelu"
)

// Values lists the activations.
func (TransformerActivation) Values() []string {
	return []string{string(ReLUActivation), string(GELUActivation)}
}

// TransformerConfig describes the layers of a [TransformerEncoder] or
// [TransformerDecoder].
type TransformerConfig struct {
	Width        int                   `json:"width" yaml:"width"`
	Heads        int                   `json:"heads" yaml:"heads"`
	Hidden       int                   `json:"hidden" yaml:"hidden"`   // width between the two linear layers
	Dropout      float64               `json:"dropout" yaml:"dropout"` // of weights of attention, between the linear layers, and of what is added
	Activation   TransformerActivation `json:"activation" yaml:"activation"`
	LayerNormEps float64               `json:"layer_norm_eps" yaml:"layer_norm_eps"`
	NormFirst    bool                  `json:"norm_first" yaml:"norm_first"` // norms stand before attention and linear layers, not behind the sums
	Bias         bool                  `json:"bias" yaml:"bias"`             // of linear layers and norms
}

// DefaultTransformer has a hidden width of 2048, dropout 0.1, ReLU, eps 1e-5,
// norms behind and biases.
func DefaultTransformer(width, heads int) TransformerConfig {
	return TransformerConfig{Width: width, Heads: heads, Hidden: 2048, Dropout: 0.1, Activation: ReLUActivation, LayerNormEps: 1e-5, Bias: true}
}

// Validate tells all that is wrong.
func (cfg TransformerConfig) Validate() error {
	errs := []error{cfg.attentionConfig().Validate(), positive("hidden", cfg.Hidden)}
	if cfg.Width > 0 && cfg.Hidden > 0 {
		errs = append(errs, fits(cfg.Hidden, cfg.Width))
	}
	if cfg.Activation != ReLUActivation && cfg.Activation != GELUActivation {
		errs = append(errs, fmt.Errorf("there is no activation %q; there are %s and %s", string(cfg.Activation), ReLUActivation, GELUActivation))
	}
	if !(cfg.LayerNormEps >= 0) {
		errs = append(errs, fmt.Errorf("layer norm eps must not be negative, got %v", cfg.LayerNormEps))
	}
	return errors.Join(errs...)
}

func (cfg TransformerConfig) attentionConfig() MultiheadAttentionConfig {
	m := DefaultMultiheadAttention(cfg.Width, cfg.Heads)
	m.Dropout, m.Bias = cfg.Dropout, cfg.Bias
	return m
}

func (cfg TransformerConfig) linear(in, out int) *Linear {
	return LinearConfig{In: in, Out: out, Bias: cfg.Bias}.Build()
}

func (cfg TransformerConfig) norm() *LayerNorm {
	n := DefaultLayerNorm(cfg.Width)
	n.Eps, n.Bias = cfg.LayerNormEps, cfg.Bias
	return n.Build()
}

// residual adds f of x to x, normalised before or behind.
func (cfg TransformerConfig) residual(c *Ctx, x *ir.Value, norm *LayerNorm, drop *Dropout, f func(x *ir.Value) *ir.Value) *ir.Value {
	if cfg.NormFirst {
		return ops.Add(x, drop.Forward(c, f(norm.Forward(c, x))))
	}
	return norm.Forward(c, ops.Add(x, drop.Forward(c, f(x))))
}

// feedForward is the two linear layers.
func (cfg TransformerConfig) feedForward(c *Ctx, x *ir.Value, first, second *Linear, drop *Dropout) *ir.Value {
	x = first.Forward(c, x)
	if cfg.Activation == GELUActivation {
		x = ops.GELU(x)
	} else {
		x = ops.ReLU(x)
	}
	return second.Forward(c, drop.Forward(c, x))
}

// Transformer maps a source and a target to states of the target: an encoder reads
// the source, and a decoder reads the target beside what the encoder gives, both
// with a norm behind their last layer. Source [B S Width], target [B T Width],
// result [B T Width]. Embeddings, positions and the head stand outside.
//
// All weights of more than one axis start from U(-b, b), b = sqrt(6/(in + out)).
//
// Source: Vaswani and others, "Attention is all you need" (2017);
// torch.nn.Transformer with batch_first. Layers start from weights of their own.
type Transformer struct {
	Encoder *TransformerEncoder
	Decoder *TransformerDecoder
	err     error
}

// BuildTransformer makes an encoder and a decoder of some layers; torch has 6 of
// each unless told otherwise.
func (cfg TransformerConfig) BuildTransformer(encoderLayers, decoderLayers int) *Transformer {
	t := &Transformer{err: errors.Join(cfg.Validate(), positive("encoder layers", encoderLayers, "decoder layers", decoderLayers))}
	if t.err != nil {
		return t
	}
	t.Encoder, t.Decoder = cfg.BuildEncoder(encoderLayers, true), cfg.BuildDecoder(decoderLayers, true)
	tree, err := module.Walk(t)
	if err != nil {
		t.err = err
		return t
	}
	for _, p := range tree.Params {
		if p.Shape.Rank() > 1 {
			p.Init = XavierUniform(1)
		}
	}
	return t
}

// Translate gives the states of the target. The masks say what a place of the
// source sees of the source, one of the target of the target, and one of the
// target of what the encoder gives, which has the places of the source.
func (t *Transformer) Translate(c *Ctx, source, target *ir.Value, sourceMask, targetMask, memoryMask AttentionMask) *ir.Value {
	defer c.Enter(t)()
	if t.err != nil {
		return refuse(c, "transformer", t.err, target)
	}
	return t.Decoder.Decode(c, target, t.Encoder.Encode(c, source, sourceMask), targetMask, memoryMask)
}
