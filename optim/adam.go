package optim

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Adam divides the mean of recent gradients by the root of the mean of their
// squares. For parameter p with gradient g, in step t = 1, 2, ...:
//
//	g = g + WeightDecay*p
//	m = Beta1*m + (1-Beta1)*g
//	v = Beta2*v + (1-Beta2)*g^2
//	p = p - lr * (m/(1-Beta1^t)) / (sqrt(v/(1-Beta2^t)) + Eps)
//
// Source: Kingma, Ba, "Adam: a method for stochastic optimization" (2014),
// algorithm 1; torch.optim.Adam. Here sqrt(v) is multiplied by the rounded
// 1/sqrt(1-Beta2^t), where PyTorch divides.
type Adam struct {
	Common
	Beta1       float64 `json:"beta1" yaml:"beta1"`
	Beta2       float64 `json:"beta2" yaml:"beta2"`
	Eps         float64 `json:"eps" yaml:"eps"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"` // as part of the gradient
}

// DefaultAdam is the setting of the paper: rate 0.001, betas 0.9 and 0.999, eps
// 1e-8.
func DefaultAdam() Adam { return Adam{Common: common(1e-3), Beta1: 0.9, Beta2: 0.999, Eps: 1e-8} }

// Build makes an optimizer of one group.
func (cfg Adam) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg Adam) Validate() error {
	c := cfg.check()
	c.below1("beta1", cfg.Beta1)
	c.below1("beta2", cfg.Beta2)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are exp_avg and exp_avg_sq.
func (Adam) Slots(ir.Type) []Slot { return []Slot{{Name: "exp_avg"}, {Name: "exp_avg_sq"}} }

// Start builds the corrections for the zeros that the means start from.
func (cfg Adam) Start(s *Step) Update { return cfg.rule(s, s.constant(1), s.constant(cfg.WeightDecay)) }

// rule is the update with a factor for the parameter and decay in the gradient.
func (cfg Adam) rule(s *Step, keep, decay *ir.Value) Update {
	step := s.scalar(ops.Div(ops.Cast(s.LR, dtype.Float64), s.correction(cfg.Beta1)))
	root := s.scalar(ops.Rsqrt(s.correction(cfg.Beta2)))
	return rule(ops.AdamUpdate, step, decay, s.constant(1-cfg.Beta1), s.constant(cfg.Beta2), s.constant(1-cfg.Beta2), root, s.constant(cfg.Eps), keep)
}
