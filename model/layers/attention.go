package layers

import (
	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
)

func attentionKinds() []config.Kind {
	return []config.Kind{
		{Name: "grouped_query_attention", Default: GroupedQueryAttention{}},
	}
}

// GroupedQueryAttention is nn.GroupedQueryAttention of a sequence [B T D] to
// itself: that of Llama with rope, of BLOOM with alibi, of T5 with
// relative_position.
type GroupedQueryAttention struct {
	Named            `yaml:",inline"`
	Heads            int                        `json:"heads" yaml:"heads"`           // of queries
	KVHeads          *int                       `json:"kv_heads" yaml:"kv_heads"`     // of keys and values; divides heads; null takes as many
	HeadWidth        *int                       `json:"head_width" yaml:"head_width"` // null takes the width of the sequence by the heads
	Causal           bool                       `json:"causal" yaml:"causal"`         // a place sees those up to itself
	Window           *int                       `json:"window" yaml:"window"`         // a place sees so many up to itself; null for all
	Bias             bool                       `json:"bias" yaml:"bias"`             // of the projections of queries, keys and values
	OutBias          bool                       `json:"out_bias" yaml:"out_bias"`     // of the projection of the result
	Dropout          float64                    `json:"dropout" yaml:"dropout"`       // of the weights
	Scale            *float64                   `json:"scale" yaml:"scale"`           // of the products; null takes 1/sqrt(head_width)
	SoftCap          *float64                   `json:"soft_cap" yaml:"soft_cap"`     // bounds the products; null for none
	RoPE             *nn.RoPEConfig             `json:"rope" yaml:"rope"`             // turns queries and keys by their places
	ALiBi            bool                       `json:"alibi" yaml:"alibi"`           // lowers scores by distance
	RelativePosition *nn.RelativePositionConfig `json:"relative_position" yaml:"relative_position"`
}

func (cfg GroupedQueryAttention) config(width int) nn.GroupedQueryAttentionConfig {
	c := nn.GroupedQueryAttentionConfig{
		Width: width, Heads: cfg.Heads, KVHeads: cfg.Heads, HeadWidth: cfg.HeadWidth, Bias: cfg.Bias, OutBias: cfg.OutBias,
		Dropout: cfg.Dropout, Scale: cfg.Scale, SoftCap: cfg.SoftCap, Window: cfg.Window,
		RoPE: cfg.RoPE, ALiBi: cfg.ALiBi, RelativePosition: cfg.RelativePosition,
	}
	if cfg.KVHeads != nil {
		c.KVHeads = *cfg.KVHeads
	}
	return c
}

// Validate tells all that is wrong.
func (cfg GroupedQueryAttention) Validate() error { return cfg.config(max(cfg.Heads, 1)).Validate() }

// Build makes the layer.
func (cfg GroupedQueryAttention) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	c := cfg.config(x.Dim(2))
	return &groupedQueryAttention{c.Build(), cfg.Causal}, c.Validate()
}

type groupedQueryAttention struct {
	*nn.GroupedQueryAttention
	causal bool
}

// Apply lets the places of x see each other.
func (a *groupedQueryAttention) Apply(c *module.Ctx, x Flow) Flow {
	return Flow{Value: a.Attend(c, x.Value, x.Value, hidden(x, a.causal)), Mask: x.Mask}
}
