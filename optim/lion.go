package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Lion goes by the sign of a mean of gradients, so that every element moves by
// the rate: choose it 3 to 10 times smaller than AdamW's, and the decay as many
// times larger. For parameter p with gradient g:
//
//	p = p * (1 - lr*WeightDecay)
//	p = p - lr*sign(m + (1-Beta1)*(g-m))
//	m = m + (1-Beta2)*(g-m)
//
// Source: Chen and others, "Symbolic discovery of optimization algorithms"
// (2023), program 1; timm.optim.Lion (1.0.31) without its option caution.
type Lion struct {
	Common
	Beta1       float64 `json:"beta1" yaml:"beta1"`
	Beta2       float64 `json:"beta2" yaml:"beta2"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"` // per unit of learning rate
}

// DefaultLion has rate 0.0001, betas 0.9 and 0.99 and no decay.
func DefaultLion() Lion { return Lion{Common: common(1e-4), Beta1: 0.9, Beta2: 0.99} }

// Build makes an optimizer of one group.
func (cfg Lion) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg Lion) Validate() error {
	c := cfg.check()
	c.below1("beta1", cfg.Beta1)
	c.below1("beta2", cfg.Beta2)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots is exp_avg.
func (Lion) Slots(ir.Type) []Slot { return []Slot{{Name: "exp_avg"}} }

// Start builds the shrinking factor.
func (cfg Lion) Start(s *Step) Update {
	keep := s.keep(cfg.WeightDecay)
	rest1, rest2 := s.constant(1-cfg.Beta1), s.constant(1-cfg.Beta2)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		m := state[0]
		d := ops.Sub(g, m)
		sign := ops.Sign(ops.Add(m, ops.Mul(rest1, d)))
		return ops.Sub(ops.Mul(keep, p), ops.Mul(s.LR, sign)), []*ir.Value{ops.Add(m, ops.Mul(rest2, d))}
	}
}
