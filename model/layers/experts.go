package layers

import (
	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
)

func expertsKinds() []config.Kind {
	return []config.Kind{
		{Name: "mixture_of_experts", Default: DefaultMixtureOfExperts()},
	}
}

// MixtureOfExperts is nn.MixtureOfExperts: each place of [B T D] or [B D] goes
// through a few of many two-layer networks, and what balances these joins the loss.
type MixtureOfExperts struct {
	Named          `yaml:",inline"`
	Hidden         *int                `json:"hidden" yaml:"hidden"`   // inside an expert; null takes four times the width
	Experts        int                 `json:"experts" yaml:"experts"` // that there are
	TopK           int                 `json:"top_k" yaml:"top_k"`     // experts that a place goes through
	Gated          bool                `json:"gated" yaml:"gated"`     // experts are f(gate x) * up x, not f(up x)
	Activation     nn.ExpertActivation `json:"activation" yaml:"activation"`
	Renormalize    bool                `json:"renormalize" yaml:"renormalize"`         // the probabilities of the experts of a place are divided by their sum
	CapacityFactor *float64            `json:"capacity_factor" yaml:"capacity_factor"` // most places of an expert, in times the mean; what is beyond is dropped; null drops none
	Jitter         float64             `json:"jitter" yaml:"jitter"`                   // of what the router reads in training
	BalanceLoss    float64             `json:"balance_loss" yaml:"balance_loss"`       // factor in the loss of unequal numbers of places
	ZLoss          float64             `json:"z_loss" yaml:"z_loss"`                   // factor in the loss of large scores
}

// DefaultMixtureOfExperts is nn's; Experts must be set.
func DefaultMixtureOfExperts() MixtureOfExperts {
	d := nn.DefaultMixtureOfExperts(1, 1, 1)
	return MixtureOfExperts{TopK: d.TopK, Gated: d.Gated, Activation: d.Activation, Renormalize: d.Renormalize, BalanceLoss: d.BalanceLoss}
}

func (cfg MixtureOfExperts) config(width int) nn.MixtureOfExpertsConfig {
	c := nn.MixtureOfExpertsConfig{
		Width: width, Hidden: 4 * width, Experts: cfg.Experts, TopK: cfg.TopK, Gated: cfg.Gated, Activation: cfg.Activation,
		Renormalize: cfg.Renormalize, CapacityFactor: cfg.CapacityFactor, Jitter: cfg.Jitter, BalanceLoss: cfg.BalanceLoss, ZLoss: cfg.ZLoss,
	}
	if cfg.Hidden != nil {
		c.Hidden = *cfg.Hidden
	}
	return c
}

// Validate tells all that is wrong.
func (cfg MixtureOfExperts) Validate() error { return cfg.config(1).Validate() }

// Build makes the layer.
func (cfg MixtureOfExperts) Build(x Operand) (Module, error) {
	if err := x.wants("[B D] or [B T D]", 2, 3); err != nil {
		return nil, err
	}
	return &experts{cfg.config(x.Dim(-1)).Build()}, nil
}

type experts struct{ *nn.MixtureOfExperts }

// Apply sends the places of x through their experts; padding does not count in the
// balance.
func (e *experts) Apply(c *module.Ctx, x Flow) Flow {
	return Flow{Value: e.Route(c, x.Value, x.Mask), Mask: x.Mask}
}
