package nn

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
)

// TransformerDecoderLayer is attention of a sequence to itself, attention of
// it to a memory, and two linear layers, each added to what it reads and
// normalised as in a [TransformerEncoderLayer]. x [B T Width], memory
// [B S Width], result [B T Width].
//
// Source: torch.nn.TransformerDecoderLayer with batch_first.
type TransformerDecoderLayer struct {
	Config                       TransformerConfig `param:"-"`
	SelfAttn, MultiheadAttn      *MultiheadAttention
	Linear1, Linear2             *Linear
	Norm1, Norm2, Norm3          *LayerNorm
	Dropout                      *Dropout
	Dropout1, Dropout2, Dropout3 *Dropout
	err                          error
}

// BuildDecoderLayer makes a layer.
func (cfg TransformerConfig) BuildDecoderLayer() *TransformerDecoderLayer {
	l := &TransformerDecoderLayer{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	l.SelfAttn, l.MultiheadAttn = cfg.attentionConfig().Build(), cfg.attentionConfig().Build()
	l.Linear1, l.Linear2 = cfg.linear(cfg.Width, cfg.Hidden), cfg.linear(cfg.Hidden, cfg.Width)
	l.Norm1, l.Norm2, l.Norm3 = cfg.norm(), cfg.norm(), cfg.norm()
	l.Dropout, l.Dropout1 = NewDropout(cfg.Dropout), NewDropout(cfg.Dropout)
	l.Dropout2, l.Dropout3 = NewDropout(cfg.Dropout), NewDropout(cfg.Dropout)
	return l
}

// Decode maps x. Mask says what a place sees of the sequence, memoryMask what it
// sees of the memory.
func (l *TransformerDecoderLayer) Decode(c *Ctx, x, memory *ir.Value, mask, memoryMask AttentionMask) *ir.Value {
	defer c.Enter(l)()
	if l.err != nil {
		return refuse(c, "transformer_decoder_layer", l.err, x)
	}
	x = l.Config.residual(c, x, l.Norm1, l.Dropout1, func(x *ir.Value) *ir.Value {
		return l.SelfAttn.Attend(c, x, x, x, mask)
	})
	x = l.Config.residual(c, x, l.Norm2, l.Dropout2, func(x *ir.Value) *ir.Value {
		return l.MultiheadAttn.Attend(c, x, memory, memory, memoryMask)
	})
	return l.Config.residual(c, x, l.Norm3, l.Dropout3, func(x *ir.Value) *ir.Value {
		return l.Config.feedForward(c, x, l.Linear1, l.Linear2, l.Dropout)
	})
}

// TransformerDecoder is a stack of layers and perhaps a norm behind them.
//
// Source: torch.nn.TransformerDecoder. Layers start from weights of their own,
// where PyTorch starts them from copies of one.
type TransformerDecoder struct {
	Layers []*TransformerDecoderLayer
	Norm   *LayerNorm // nil without
	err    error
}

// BuildDecoder makes a stack of layers, with a norm behind them if norm.
func (cfg TransformerConfig) BuildDecoder(layers int, norm bool) *TransformerDecoder {
	d := &TransformerDecoder{err: errors.Join(cfg.Validate(), positive("layers", layers))}
	if d.err != nil {
		return d
	}
	for range layers {
		d.Layers = append(d.Layers, cfg.BuildDecoderLayer())
	}
	if norm {
		d.Norm = cfg.norm()
	}
	return d
}

// Decode maps x [B T Width] beside memory [B S Width].
func (d *TransformerDecoder) Decode(c *Ctx, x, memory *ir.Value, mask, memoryMask AttentionMask) *ir.Value {
	defer c.Enter(d)()
	if d.err != nil {
		return refuse(c, "transformer_decoder", d.err, x)
	}
	for _, l := range d.Layers {
		x = l.Decode(c, x, memory, mask, memoryMask)
	}
	if d.Norm != nil {
		x = d.Norm.Forward(c, x)
	}
	return x
}
