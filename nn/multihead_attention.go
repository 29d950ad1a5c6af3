package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// MultiheadAttentionConfig describes a [MultiheadAttention].
type MultiheadAttentionConfig struct {
	Width      int  `json:"width" yaml:"width"` // of queries and of the result
	Heads      int  `json:"heads" yaml:"heads"`
	KeyWidth   int  `json:"key_width" yaml:"key_width"`     // of what keys are made of
	ValueWidth int  `json:"value_width" yaml:"value_width"` // of what values are made of
	Bias       bool `json:"bias" yaml:"bias"`               // of all projections
	AddBiasKV  bool `json:"add_bias_kv" yaml:"add_bias_kv"` // one more key and value, which are trained

	AddZeroAttn bool    `json:"add_zero_attn" yaml:"add_zero_attn"` // one more key and value, which are 0
	Dropout     float64 `json:"dropout" yaml:"dropout"`             // of the weights, in training mode
}

// DefaultMultiheadAttention has biases, no dropout, and keys and values of the
// width of queries.
func DefaultMultiheadAttention(width, heads int) MultiheadAttentionConfig {
	return MultiheadAttentionConfig{Width: width, Heads: heads, KeyWidth: width, ValueWidth: width, Bias: true}
}

// Validate tells all that is wrong.
func (cfg MultiheadAttentionConfig) Validate() error {
	errs := []error{positive("width", cfg.Width, "heads", cfg.Heads, "key width", cfg.KeyWidth, "value width", cfg.ValueWidth)}
	if errs[0] == nil {
		if cfg.Width%cfg.Heads != 0 {
			errs = append(errs, fmt.Errorf("width %d can't be split among %d heads", cfg.Width, cfg.Heads))
		}
		errs = append(errs, fits(3, cfg.Width, max(cfg.Width, cfg.KeyWidth, cfg.ValueWidth)))
	}
	if !(cfg.Dropout >= 0 && cfg.Dropout <= 1) {
		errs = append(errs, fmt.Errorf("probability %v is outside 0..1", cfg.Dropout))
	}
	return errors.Join(errs...)
}

// MultiheadAttention lets each head compare projected queries with projected
// keys and add up projected values, and projects what the heads give, side by
// side. With h one of Heads, of width K = Width/Heads,
//
//	head h = softmax(q_h k_hᵀ / sqrt(K) + mask) v_h
//	y      = [head 0, head 1, ...] out_proj.weightᵀ + out_proj.bias
//
// Queries [B T Width], keys [B S KeyWidth], values [B S ValueWidth], result
// [B T Width]. Parameters: in_proj_weight [3*Width Width], or q_proj_weight,
// k_proj_weight and v_proj_weight where the widths differ; in_proj_bias
// [3*Width]; bias_k and bias_v [1 1 Width]; out_proj. All queries see the keys of
// AddBiasKV and AddZeroAttn, whatever the mask.
//
// A query that may see no key gives the bias of out_proj, and no gradient.
//
// Source: Vaswani and others, "Attention is all you need" (2017), section 3.2;
// torch.nn.MultiheadAttention with batch_first, which gives NaN for a query
// without keys.
type MultiheadAttention struct {
	Config       MultiheadAttentionConfig `param:"-"`
	QProjWeight  *Param                   // nil where the widths are equal
	KProjWeight  *Param
	VProjWeight  *Param
	InProjWeight *Param // nil where the widths differ
	InProjBias   *Param
	BiasK, BiasV *Param
	OutProj      *Linear
	err          error
}

// Build makes the layer.
func (cfg MultiheadAttentionConfig) Build() *MultiheadAttention {
	l := &MultiheadAttention{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	d := cfg.Width
	if cfg.KeyWidth == d && cfg.ValueWidth == d {
		l.InProjWeight = newParam(XavierUniform(1), 3*d, d)
	} else {
		l.QProjWeight = newParam(XavierUniform(1), d, d)
		l.KProjWeight = newParam(XavierUniform(1), d, cfg.KeyWidth)
		l.VProjWeight = newParam(XavierUniform(1), d, cfg.ValueWidth)
	}
	l.OutProj = LinearConfig{In: d, Out: d, Bias: cfg.Bias}.Build()
	if cfg.Bias {
		l.InProjBias = newParam(Zeros(), 3*d)
		l.OutProj.Bias.Init = Zeros()
	}
	if cfg.AddBiasKV {
		l.BiasK, l.BiasV = newParam(XavierNormal(1), 1, 1, d), newParam(XavierNormal(1), 1, 1, d)
	}
	return l
}

// NewMultiheadAttention is DefaultMultiheadAttention(width, heads).Build().
func NewMultiheadAttention(width, heads int) *MultiheadAttention {
	return DefaultMultiheadAttention(width, heads).Build()
}

// Forward is attention of x to itself.
func (l *MultiheadAttention) Forward(c *Ctx, x *ir.Value) *ir.Value {
	return l.Attend(c, x, x, x, AttentionMask{})
}

// Attend is attention of queries q to keys k and values v.
func (l *MultiheadAttention) Attend(c *Ctx, q, k, v *ir.Value, mask AttentionMask) *ir.Value {
	y, _ := l.attend(c, q, k, v, mask, false)
	return y
}

// AttendWeights gives the weights of the keys besides, [B Heads T S], in training
// mode after dropout; their mean over the heads is what torch returns unless told
// otherwise. S counts the keys of AddBiasKV and AddZeroAttn, in this order, behind
// the others. All scores are in memory, which Attend avoids.
func (l *MultiheadAttention) AttendWeights(c *Ctx, q, k, v *ir.Value, mask AttentionMask) (y, weights *ir.Value) {
	return l.attend(c, q, k, v, mask, true)
}

func (l *MultiheadAttention) attend(c *Ctx, q, k, v *ir.Value, mask AttentionMask, weigh bool) (y, weights *ir.Value) {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return q, q
	}
	if err := l.check(q, k, v); err != nil {
		c.Graph().Fail("multihead_attention", err.Error(), []*ir.Value{q, k, v})
		return q, q
	}
	b, t := q.Dim(0), q.Dim(1)
	more := 0
	if l.BiasK != nil {
		more++
	}
	if l.Config.AddZeroAttn {
		more++
	}
	o, err := mask.options(c, attended{b, t, k.Dim(1), l.Config.Heads, more})
	if err != nil {
		refuse(c, "multihead_attention", err, q)
		return q, q
	}
	o.Dropout = attentionDropout(c, l.Config.Dropout)
	y, weights = l.heads(c, q, k, v, o, weigh) // [B T H K]
	return l.OutProj.Forward(c, ops.Reshape(y, b, t, l.Config.Width)), weights
}

// attentionDropout is that of the weights, nil outside of training.
func attentionDropout(c *Ctx, p float64) *ops.AttentionDropout {
	if !c.Training() || p == 0 {
		return nil
	}
	key := c.Random()
	return &ops.AttentionDropout{P: p, Seed: key.Seed, Step: key.Step, Stream: key.Stream}
}

func (l *MultiheadAttention) check(q, k, v *ir.Value) error {
	if l.err != nil {
		return l.err
	}
	if q.Rank() != 3 || k.Rank() != 3 || v.Rank() != 3 ||
		q.Dim(2) != l.Config.Width || k.Dim(2) != l.Config.KeyWidth || v.Dim(2) != l.Config.ValueWidth ||
		k.Dim(0) != q.Dim(0) || v.Dim(0) != q.Dim(0) || v.Dim(1) != k.Dim(1) {
		return fmt.Errorf("wants queries [B T %d], keys [B S %d] and values [B S %d]", l.Config.Width, l.Config.KeyWidth, l.Config.ValueWidth)
	}
	return nil
}

// heads projects and attends.
func (l *MultiheadAttention) heads(c *Ctx, q, k, v *ir.Value, o ops.AttentionOptions, weigh bool) (y, weights *ir.Value) {
	d, h := l.Config.Width, l.Config.Heads
	split := func(x *ir.Value, heads int) *ir.Value {
		return ops.Reshape(x, x.Dim(0), x.Dim(1), heads, d/l.Config.Heads)
	}
	if q == k && k == v && l.InProjWeight != nil && l.BiasK == nil && !l.Config.AddZeroAttn && !weigh {
		qkv := ops.Linear(q, c.Param(l.InProjWeight), optional(c, l.InProjBias))
		return ops.AttentionPacked(split(qkv, 3*h), h, o), nil
	}
	project := func(x *ir.Value, i int, own *Param) *ir.Value {
		var w, b *ir.Value
		if own != nil {
			w = c.Param(own)
		} else {
			w = ops.Narrow(c.Param(l.InProjWeight), 0, i*d, d)
		}
		if l.InProjBias != nil {
			b = ops.Narrow(c.Param(l.InProjBias), 0, i*d, d)
		}
		return ops.Linear(x, w, b)
	}
	more := func(x *ir.Value, row *Param) *ir.Value {
		rows := []*ir.Value{x}
		one := shape.Of(x.Dim(0), 1, d)
		if row != nil {
			rows = append(rows, ops.Broadcast(c.Param(row), one))
		}
		if l.Config.AddZeroAttn {
			rows = append(rows, ops.Full(c.Graph(), x.DType(), one, 0))
		}
		return ops.Concat(1, rows...)
	}
	q = split(project(q, 0, l.QProjWeight), h)
	k = split(more(project(k, 1, l.KProjWeight), l.BiasK), h)
	v = split(more(project(v, 2, l.VProjWeight), l.BiasV), h)
	if weigh {
		return ops.AttentionWeights(q, k, v, o)
	}
	return ops.Attention(q, k, v, o), nil
}
