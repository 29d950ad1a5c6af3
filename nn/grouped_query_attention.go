package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// GroupedQueryAttentionConfig describes a [GroupedQueryAttention].
type GroupedQueryAttentionConfig struct {
	Width     int      `json:"width" yaml:"width"`           // of the sequence and of the result
	Heads     int      `json:"heads" yaml:"heads"`           // of queries
	KVHeads   int      `json:"kv_heads" yaml:"kv_heads"`     // of keys and values, each for several of queries; divides Heads, 1 is multi-query attention
	HeadWidth *int     `json:"head_width" yaml:"head_width"` // null takes Width/Heads
	Bias      bool     `json:"bias" yaml:"bias"`             // of the projections of queries, keys and values
	OutBias   bool     `json:"out_bias" yaml:"out_bias"`     // of the projection of the result
	Dropout   float64  `json:"dropout" yaml:"dropout"`       // of the weights, in training mode
	Scale     *float64 `json:"scale" yaml:"scale"`           // of the products; null takes 1/sqrt(HeadWidth)
	SoftCap   *float64 `json:"soft_cap" yaml:"soft_cap"`     // bounds the products, as in Gemma 2; null for none
	Window    *int     `json:"window" yaml:"window"`         // a query sees so many keys before it, itself among them; null for all

	RoPE             *RoPEConfig             `json:"rope" yaml:"rope"`                           // turns queries and keys; null for none
	ALiBi            bool                    `json:"alibi" yaml:"alibi"`                         // lowers scores by distance
	RelativePosition *RelativePositionConfig `json:"relative_position" yaml:"relative_position"` // adds T5's bias to scores; null for none
}

// DefaultGroupedQueryAttention has no biases and nothing that tells places apart,
// like the attention of Llama without its RoPE.
func DefaultGroupedQueryAttention(width, heads, kvHeads int) GroupedQueryAttentionConfig {
	return GroupedQueryAttentionConfig{Width: width, Heads: heads, KVHeads: kvHeads}
}

// Validate tells all that is wrong.
func (cfg GroupedQueryAttentionConfig) Validate() error {
	errs := []error{positive("width", cfg.Width, "heads", cfg.Heads, "kv_heads", cfg.KVHeads)}
	if errs[0] == nil {
		if cfg.Heads%cfg.KVHeads != 0 {
			errs = append(errs, fmt.Errorf("%d heads of queries can't share %d of keys: kv_heads must divide heads", cfg.Heads, cfg.KVHeads))
		}
		if cfg.HeadWidth == nil && cfg.Width%cfg.Heads != 0 {
			errs = append(errs, fmt.Errorf("width %d can't be split among %d heads; head_width can be given", cfg.Width, cfg.Heads))
		}
	}
	if cfg.HeadWidth != nil {
		errs = append(errs, positive("head_width", *cfg.HeadWidth))
	}
	if errors.Join(errs...) == nil {
		errs = append(errs, fits(cfg.Width, cfg.Heads, cfg.headWidth()))
	}
	if !(cfg.Dropout >= 0 && cfg.Dropout <= 1) {
		errs = append(errs, fmt.Errorf("dropout must be in 0..1, got %v", cfg.Dropout))
	}
	if s := cfg.Scale; s != nil && *s-*s != 0 {
		errs = append(errs, fmt.Errorf("scale must be a finite number, got %v", *s))
	}
	if s := cfg.SoftCap; s != nil {
		errs = append(errs, above(0, "soft_cap", *s))
	}
	if w := cfg.Window; w != nil {
		errs = append(errs, positive("window", *w))
	}
	if cfg.RoPE != nil {
		errs = append(errs, under("rope", cfg.RoPE.Validate()))
	}
	if cfg.RelativePosition != nil {
		errs = append(errs, under("relative_position", cfg.RelativePosition.Validate()))
	}
	return errors.Join(errs...)
}

// under names the field that a mistake is in.
func under(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

func (cfg GroupedQueryAttentionConfig) headWidth() int {
	if cfg.HeadWidth != nil {
		return *cfg.HeadWidth
	}
	return cfg.Width / cfg.Heads
}

// GroupedQueryAttention is attention in which several heads of queries share a head
// of keys and values: with h one of Heads and g = h/(Heads/KVHeads), of width K,
//
//	head h = softmax(Scale q_h k_gᵀ + mask) v_g
//	y      = o_proj([head 0, head 1, ...])
//
// Queries [B T Width], keys and values of a memory [B S Width], result [B T Width].
// Parameters: q_proj [Heads*K Width], k_proj and v_proj [KVHeads*K Width], o_proj
// [Width Heads*K], and relative_position for T5's bias. RoPE turns queries and keys
// by their places, which begin with 0. A query that may see no key gives the bias
// of o_proj.
//
// Source: Ainslie and others, "GQA" (2023); Shazeer, "Fast transformer decoding:
// one write-head is all you need" (2019) for one head of keys; keys and arithmetic
// as LlamaAttention of Hugging Face Transformers 5.24.
type GroupedQueryAttention struct {
	Config                     GroupedQueryAttentionConfig `param:"-"`
	QProj, KProj, VProj, OProj *Linear
	RelativePosition           *RelativePositionBias // nil without
	RoPE                       *RoPE                 `param:"rope"` // nil without
	err                        error
}

// Build makes the layer.
func (cfg GroupedQueryAttentionConfig) Build() *GroupedQueryAttention {
	l := &GroupedQueryAttention{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	k := cfg.headWidth()
	linear := func(in, out int, bias bool) *Linear { return LinearConfig{In: in, Out: out, Bias: bias}.Build() }
	l.QProj, l.OProj = linear(cfg.Width, cfg.Heads*k, cfg.Bias), linear(cfg.Heads*k, cfg.Width, cfg.OutBias)
	l.KProj, l.VProj = linear(cfg.Width, cfg.KVHeads*k, cfg.Bias), linear(cfg.Width, cfg.KVHeads*k, cfg.Bias)
	if cfg.RoPE != nil {
		l.RoPE = cfg.RoPE.Build()
	}
	if cfg.RelativePosition != nil {
		l.RelativePosition = cfg.RelativePosition.Build(cfg.Heads)
	}
	return l
}

// Forward is attention of x to itself.
func (l *GroupedQueryAttention) Forward(c *Ctx, x *ir.Value) *ir.Value {
	return l.Attend(c, x, x, AttentionMask{})
}

// Attend is attention of x to a memory, which may be x.
func (l *GroupedQueryAttention) Attend(c *Ctx, x, memory *ir.Value, mask AttentionMask) *ir.Value {
	defer c.Enter(l)()
	cfg := l.Config
	if c.Graph().Err() != nil {
		return x
	}
	if l.err != nil {
		return refuse(c, "grouped_query_attention", l.err, x)
	}
	if x.Rank() != 3 || memory.Rank() != 3 || x.Dim(2) != cfg.Width || memory.Dim(2) != cfg.Width || memory.Dim(0) != x.Dim(0) {
		c.Graph().Fail("grouped_query_attention", fmt.Sprintf("wants x [B T %d] and a memory [B S %d]", cfg.Width, cfg.Width), []*ir.Value{x, memory})
		return x
	}
	b, t, s, k := x.Dim(0), x.Dim(1), memory.Dim(1), cfg.headWidth()
	o, err := mask.options(c, attended{b, t, s, cfg.Heads, 0})
	if err != nil {
		return refuse(c, "grouped_query_attention", err, x)
	}
	o.Scale, o.SoftCap, o.Dropout = cfg.Scale, cfg.SoftCap, attentionDropout(c, cfg.Dropout)
	if cfg.Window != nil {
		o.Window = &ops.AttentionWindow{Left: *cfg.Window - 1, Right: ops.Unbounded}
	}
	if cfg.ALiBi {
		o.Slopes = ALiBi{cfg.Heads}.Slopes(c, x.DType())
	}
	if l.RelativePosition != nil {
		bias(&o, ops.Cast(l.RelativePosition.Bias(c, t, s), x.DType()))
	}
	q := ops.Reshape(l.QProj.Forward(c, x), b, t, cfg.Heads, k)
	key := ops.Reshape(l.KProj.Forward(c, memory), b, s, cfg.KVHeads, k)
	value := ops.Reshape(l.VProj.Forward(c, memory), b, s, cfg.KVHeads, k)
	if l.RoPE != nil {
		q, key = l.RoPE.Rotate(c, q, nil, max(t, s)), l.RoPE.Rotate(c, key, nil, max(t, s))
	}
	y := ops.Attention(q, key, value, o) // [B T H K]
	return l.OProj.Forward(c, ops.Reshape(y, b, t, cfg.Heads*k))
}
