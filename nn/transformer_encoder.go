package nn

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
)

// TransformerEncoderLayer is attention of a sequence to itself and two linear
// layers, each added to what it reads and normalised:
//
//	x = norm1(x + attention(x)),  x = norm2(x + linear2(f(linear1(x))))
//
// or, with NormFirst,
//
//	x = x + attention(norm1(x)),  x = x + linear2(f(linear1(norm2(x))))
//
// x [B T Width], the result the same. Dropout works on the weights of attention,
// behind f and on both summands.
//
// Source: torch.nn.TransformerEncoderLayer with batch_first.
type TransformerEncoderLayer struct {
	Config             TransformerConfig `param:"-"`
	SelfAttn           *MultiheadAttention
	Linear1, Linear2   *Linear
	Norm1, Norm2       *LayerNorm
	Dropout            *Dropout
	Dropout1, Dropout2 *Dropout
	err                error
}

// BuildEncoderLayer makes a layer.
func (cfg TransformerConfig) BuildEncoderLayer() *TransformerEncoderLayer {
	l := &TransformerEncoderLayer{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	l.SelfAttn = cfg.attentionConfig().Build()
	l.Linear1, l.Linear2 = cfg.linear(cfg.Width, cfg.Hidden), cfg.linear(cfg.Hidden, cfg.Width)
	l.Norm1, l.Norm2 = cfg.norm(), cfg.norm()
	l.Dropout, l.Dropout1, l.Dropout2 = NewDropout(cfg.Dropout), NewDropout(cfg.Dropout), NewDropout(cfg.Dropout)
	return l
}

// Forward maps x without a mask.
func (l *TransformerEncoderLayer) Forward(c *Ctx, x *ir.Value) *ir.Value {
	return l.Encode(c, x, AttentionMask{})
}

// Encode maps x; each place sees what the mask does not hide.
func (l *TransformerEncoderLayer) Encode(c *Ctx, x *ir.Value, mask AttentionMask) *ir.Value {
	defer c.Enter(l)()
	if l.err != nil {
		return refuse(c, "transformer_encoder_layer", l.err, x)
	}
	x = l.Config.residual(c, x, l.Norm1, l.Dropout1, func(x *ir.Value) *ir.Value {
		return l.SelfAttn.Attend(c, x, x, x, mask)
	})
	return l.Config.residual(c, x, l.Norm2, l.Dropout2, func(x *ir.Value) *ir.Value {
		return l.Config.feedForward(c, x, l.Linear1, l.Linear2, l.Dropout)
	})
}

// TransformerEncoder is a stack of layers and perhaps a norm behind them.
//
// Source: torch.nn.TransformerEncoder. Layers start from weights of their own,
// where PyTorch starts them from copies of one.
type TransformerEncoder struct {
	Layers []*TransformerEncoderLayer
	Norm   *LayerNorm // nil without
	err    error
}

// BuildEncoder makes a stack of layers, with a norm behind them if norm.
func (cfg TransformerConfig) BuildEncoder(layers int, norm bool) *TransformerEncoder {
	e := &TransformerEncoder{err: errors.Join(cfg.Validate(), positive("layers", layers))}
	if e.err != nil {
		return e
	}
	for range layers {
		e.Layers = append(e.Layers, cfg.BuildEncoderLayer())
	}
	if norm {
		e.Norm = cfg.norm()
	}
	return e
}

// Forward maps x without a mask.
func (e *TransformerEncoder) Forward(c *Ctx, x *ir.Value) *ir.Value {
	return e.Encode(c, x, AttentionMask{})
}

// Encode maps x [B T Width]; each place sees what the mask does not hide.
func (e *TransformerEncoder) Encode(c *Ctx, x *ir.Value, mask AttentionMask) *ir.Value {
	defer c.Enter(e)()
	if e.err != nil {
		return refuse(c, "transformer_encoder", e.err, x)
	}
	for _, l := range e.Layers {
		x = l.Encode(c, x, mask)
	}
	if e.Norm != nil {
		x = e.Norm.Forward(c, x)
	}
	return x
}
