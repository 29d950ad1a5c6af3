package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Adamax is [Adam] with the largest of recent gradients in place of the root of
// their mean square. For parameter p with gradient g, in step t = 1, 2, ...:
//
//	g = g + WeightDecay*p
//	m = Beta1*m + (1-Beta1)*g
//	u = max(Beta2*u, |g| + Eps)
//	p = p - lr/(1-Beta1^t) * m/u
//
// The form of Keras has Eps beside the division, m/(u+Eps), and weight decay
// apart from the gradient: p = p*(1 - lr*WeightDecay) before the step.
//
// Source: Kingma, Ba, "Adam: a method for stochastic optimization" (2014),
// algorithm 2; torch.optim.Adamax; keras.optimizers.Adamax of Keras 3.15.
type Adamax struct {
	Common
	Form        Form    `json:"form" yaml:"form"`
	Beta1       float64 `json:"beta1" yaml:"beta1"`
	Beta2       float64 `json:"beta2" yaml:"beta2"`
	Eps         float64 `json:"eps" yaml:"eps"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"`
}

// DefaultAdamax has rate 0.002, betas 0.9 and 0.999, eps 1e-8.
func DefaultAdamax() Adamax { return Adamax{Common: common(2e-3), Beta1: 0.9, Beta2: 0.999, Eps: 1e-8} }

// Build makes an optimizer of one group.
func (cfg Adamax) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg Adamax) Validate() error {
	c := cfg.check()
	c.form(cfg.Form)
	c.below1("beta1", cfg.Beta1)
	c.below1("beta2", cfg.Beta2)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are exp_avg and exp_inf.
func (Adamax) Slots(ir.Type) []Slot { return []Slot{{Name: "exp_avg"}, {Name: "exp_inf"}} }

// Start builds the rate, corrected for the zeros that the mean starts from.
func (cfg Adamax) Start(s *Step) Update {
	rate := s.scalar(ops.Div(s.rate(), s.correction(cfg.Beta1)))
	decayed, eps := s.decayed(cfg.WeightDecay, cfg.Form == Keras), s.constant(cfg.Eps)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		p, g = decayed(p, g)
		m := towards(state[0], g, 1-cfg.Beta1)
		size := ops.Abs(g)
		if cfg.Form == Torch {
			size = ops.Add(size, eps)
		}
		u := ops.Maximum(scale(state[1], cfg.Beta2), size)
		below := u
		if cfg.Form == Keras {
			below = ops.Add(u, eps)
		}
		return ops.Sub(p, ops.Mul(rate, ops.Div(m, below))), []*ir.Value{m, u}
	}
}
