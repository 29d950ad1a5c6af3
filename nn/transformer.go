package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
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
