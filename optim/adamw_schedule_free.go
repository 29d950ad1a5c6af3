package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// AdamWScheduleFree is AdamW of [ScheduleFree], with beta Beta1 in place of a
// mean of gradients and the direction, in step t = 1, 2, ...
//
//	v = Beta2*v + (1-Beta2)*g^2
//	d = g / (sqrt(v/(1-Beta2^t)) + Eps) + WeightDecay*y
//
// Source: schedulefree.AdamWScheduleFree (1.4.1).
type AdamWScheduleFree struct {
	Common
	ScheduleFree
	Beta1       float64 `json:"beta1" yaml:"beta1"` // between 0 and 1
	Beta2       float64 `json:"beta2" yaml:"beta2"`
	Eps         float64 `json:"eps" yaml:"eps"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"`
}

// DefaultAdamWScheduleFree has rate 0.0025, betas 0.9 and 0.999, eps 1e-8, and no
// decay and warm-up.
func DefaultAdamWScheduleFree() AdamWScheduleFree {
	return AdamWScheduleFree{Common: common(2.5e-3), ScheduleFree: ScheduleFree{WeightLRPower: 2}, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}
}

// Build makes an optimizer of one group.
func (cfg AdamWScheduleFree) Build(params []module.Named) (Optimizer, error) {
	return build(cfg, params)
}

// Validate tells all that is wrong.
func (cfg AdamWScheduleFree) Validate() error {
	c := cfg.Common.check()
	cfg.ScheduleFree.check(c)
	c.between0And1("beta1", cfg.Beta1)
	c.below1("beta2", cfg.Beta2)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are z and exp_avg_sq.
func (AdamWScheduleFree) Slots(ir.Type) []Slot {
	return []Slot{{Name: "z", Copy: true}, {Name: "exp_avg_sq"}}
}

// Start builds the numbers of the step.
func (cfg AdamWScheduleFree) Start(s *Step) Update {
	f, decay := cfg.start(s, cfg.Beta1), s.constant(cfg.WeightDecay)
	root := s.scalar(ops.Rsqrt(s.correction(cfg.Beta2)))
	beta2, rest2, eps := s.constant(cfg.Beta2), s.constant(1-cfg.Beta2), s.constant(cfg.Eps)
	return func(y, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		v := ops.Add(ops.Mul(beta2, state[1]), ops.Mul(rest2, ops.Mul(g, g)))
		d := ops.Add(ops.Div(g, ops.Add(ops.Mul(root, ops.Sqrt(v)), eps)), ops.Mul(decay, y))
		y, z := f.update(y, state[0], d)
		return y, []*ir.Value{z, v}
	}
}

// Judged is x.
func (cfg AdamWScheduleFree) Judged(y *ir.Value, state []*ir.Value) *ir.Value {
	return mean(y, state[0], cfg.Beta1)
}
