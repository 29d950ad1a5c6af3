package optim

import (
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
// algorithm 1; torch.optim.Adam. Here numerator and denominator are both
// multiplied by sqrt(1-Beta2^t), which saves an operation an element.
type Adam struct {
	Name        string  `json:"name" yaml:"name"` // first part of the keys of its state
	LR          float64 `json:"lr" yaml:"lr"`     // where a schedule starts from; a step takes the rate it is given
	Beta1       float64 `json:"beta1" yaml:"beta1"`
	Beta2       float64 `json:"beta2" yaml:"beta2"`
	Eps         float64 `json:"eps" yaml:"eps"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"` // as part of the gradient
}

// DefaultAdam is the setting of the paper: rate 0.001, betas 0.9 and 0.999, eps
// 1e-8.
func DefaultAdam() Adam { return Adam{Name: "optim", LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8} }

// Build makes an optimizer of one group.
func (cfg Adam) Build(params []module.Named) (Optimizer, error) {
	return buildOne(cfg.Name, cfg, params)
}

// Validate tells all that is wrong.
func (cfg Adam) Validate() error {
	var c checker
	c.atLeast0("lr", cfg.LR)
	c.below1("beta1", cfg.Beta1)
	c.below1("beta2", cfg.Beta2)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are exp_avg and exp_avg_sq.
func (Adam) Slots() []Slot { return []Slot{{Name: "exp_avg"}, {Name: "exp_avg_sq"}} }

// Start builds the corrections for the zeros that the means start from.
func (cfg Adam) Start(s *Step) Update {
	step := adamStep(s, cfg.Beta1, cfg.Beta2, cfg.Eps)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		d, state := step(decayed(g, p, cfg.WeightDecay), state)
		return ops.Sub(p, d), state
	}
}

// adamStep builds what the steps of all parameters share, and returns what
// gives the step of one: lr times the corrected ratio, and the new means.
func adamStep(s *Step, beta1, beta2, eps float64) func(g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
	t := s.Count()
	correction := func(beta float64) *ir.Value { // 1 - beta^t
		return ops.Sub(ops.Scalar(t, 1), ops.Pow(ops.Scalar(t, beta), t))
	}
	root := ops.Sqrt(correction(beta2))
	rate := s.scalar(ops.Div(ops.Mul(ops.Cast(s.LR, t.DType()), root), correction(beta1)))
	floor := s.scalar(ops.Mul(root, ops.Scalar(root, eps)))
	return func(g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		m := mix(beta1, state[0], 1-beta1, g)
		v := mix(beta2, state[1], 1-beta2, ops.Mul(g, g))
		return ops.Mul(rate, ops.Div(m, ops.Add(ops.Sqrt(v), floor))), []*ir.Value{m, v}
	}
}
