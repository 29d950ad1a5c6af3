package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// LARS is [SGD] with a rate for each parameter, in proportion to its size
// against that of its gradient: for large batches. For parameter p with
// gradient g:
//
//	ratio = TrustCoeff*|p| / (|g| + WeightDecay*|p| + Eps)
//	g     = ratio * (g + WeightDecay*p)
//	p     = p - lr*d                      d from g and the momentum as in SGD
//
// |x| is the root of the sum of squares; the ratio is 1 where either is 0, and
// without decay, unless AlwaysAdapt is set. TrustClip takes min(ratio/lr, 1):
// then lr is the most that the rate of a parameter comes to.
//
// Source: You, Gitman, Ginsburg, "Large batch training of convolutional
// networks" (2017), algorithm 1; timm.optim.Lars (1.0.31). ExcludeVectors is
// what recipes do by groups.
type LARS struct {
	Common
	Momentum       float64 `json:"momentum" yaml:"momentum"`
	Dampening      float64 `json:"dampening" yaml:"dampening"`
	Nesterov       bool    `json:"nesterov" yaml:"nesterov"` // needs momentum and no dampening
	WeightDecay    float64 `json:"weight_decay" yaml:"weight_decay"`
	TrustCoeff     float64 `json:"trust_coeff" yaml:"trust_coeff"`
	Eps            float64 `json:"eps" yaml:"eps"`
	TrustClip      bool    `json:"trust_clip" yaml:"trust_clip"`
	AlwaysAdapt    bool    `json:"always_adapt" yaml:"always_adapt"`       // the ratio counts without decay, too
	ExcludeVectors bool    `json:"exclude_vectors" yaml:"exclude_vectors"` // parameters of one axis or none, as biases and the gains of norms, have no decay
}

// DefaultLARS has rate 1, momentum 0.9, decay 1e-4 of what is no vector, and a
// coefficient of 0.001.
func DefaultLARS() LARS {
	return LARS{Common: common(1), Momentum: 0.9, WeightDecay: 1e-4, TrustCoeff: 1e-3, Eps: 1e-8, ExcludeVectors: true}
}

// Build makes an optimizer of one group.
func (cfg LARS) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg LARS) Validate() error {
	c := &checker{[]error{cfg.sgd(cfg.WeightDecay).Validate()}}
	c.atLeast0("trust_coeff", cfg.TrustCoeff)
	c.atLeast0("eps", cfg.Eps)
	return c.err()
}

// sgd is the rule with a decay.
func (cfg LARS) sgd(decay float64) SGD {
	return SGD{Common: cfg.Common, Momentum: cfg.Momentum, Dampening: cfg.Dampening, Nesterov: cfg.Nesterov, WeightDecay: decay}
}

// Slots is momentum_buffer, if there is momentum.
func (cfg LARS) Slots(p ir.Type) []Slot { return cfg.sgd(0).Slots(p) }

// Start builds the step of SGD.
func (cfg LARS) Start(s *Step) Update {
	sgd := cfg.sgd(0).Start(s)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		decay := cfg.WeightDecay
		if cfg.ExcludeVectors && p.Rank() < 2 {
			decay = 0
		}
		if decay == 0 && !cfg.AlwaysAdapt {
			return sgd(p, g, state)
		}
		shrink := s.constant(decay)
		ratio := trust(p, g, func(p, g *ir.Value) *ir.Value {
			return ops.Div(scale(p, cfg.TrustCoeff), ops.Add(ops.Add(g, ops.Mul(shrink, p)), s.constant(cfg.Eps)))
		})
		if cfg.TrustClip {
			ratio = ops.Minimum(ops.Div(ratio, s.LR), s.constant(1))
		}
		return sgd(p, ops.Mul(ratio, ops.Add(g, ops.Mul(shrink, p))), state)
	}
}
