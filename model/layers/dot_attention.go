package layers

import (
	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
)

func dotAttentionKinds() []config.Kind {
	return []config.Kind{
		{Name: "dot_attention", Default: DotAttention{}},
		{Name: "additive_attention", Default: AdditiveAttention{Scale: true}},
	}
}

// DotAttention is nn.DotAttention of a sequence [B T D] with itself.
type DotAttention struct {
	Named `yaml:",inline"`
	Scale bool `json:"scale" yaml:"scale"` // a trained factor of all scores
}

// Validate has nothing to tell.
func (DotAttention) Validate() error { return nil }

// Build makes the layer.
func (cfg DotAttention) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	l := nn.NewDotAttention(cfg.Scale)
	return &attending{l, l.Attend}, nil
}

// AdditiveAttention is nn.AdditiveAttention of a sequence [B T D] with itself.
type AdditiveAttention struct {
	Named `yaml:",inline"`
	Scale bool `json:"scale" yaml:"scale"` // trained factors of the scores' terms
}

// Validate has nothing to tell.
func (AdditiveAttention) Validate() error { return nil }

// Build makes the layer.
func (cfg AdditiveAttention) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	width := 0
	if cfg.Scale {
		width = x.Dim(2)
	}
	l := nn.NewAdditiveAttention(width)
	return &attending{l, l.Attend}, nil
}

// attending is attention of a sequence with itself, but for its padding.
type attending struct {
	nn.Forwarder
	attend func(c *nn.Ctx, query, key, value, mask *ir.Value) *ir.Value
}

// Apply lets the places of x see each other.
func (a *attending) Apply(c *module.Ctx, x Flow) Flow {
	return Flow{Value: a.attend(c, x.Value, x.Value, x.Value, x.Mask), Mask: x.Mask}
}
