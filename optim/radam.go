package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// RAdam is [Adam] that does without the mean of squares until it is made of
// enough steps, and takes shorter ones then. For parameter p with gradient g, in
// step t = 1, 2, ...:
//
//	g      = g + WeightDecay*p, or p = p*(1 - lr*WeightDecay) with DecoupledWeightDecay
//	m      = Beta1*m + (1-Beta1)*g
//	v      = Beta2*v + (1-Beta2)*g^2
//	rhoInf = 2/(1-Beta2) - 1
//	rho    = rhoInf - 2*t*Beta2^t/(1-Beta2^t)
//	r      = sqrt((rho-4)*(rho-2)*rhoInf / ((rhoInf-4)*(rhoInf-2)*rho))
//	p      = p - lr * m/(1-Beta1^t) * r * sqrt(1-Beta2^t)/(sqrt(v)+Eps)   where rho > 5
//	p      = p - lr * m/(1-Beta1^t)                                       elsewhere
//
// Source: Liu and others, "On the variance of the adaptive learning rate and
// beyond" (2019), algorithm 2; torch.optim.RAdam.
type RAdam struct {
	Common
	Beta1                float64 `json:"beta1" yaml:"beta1"`
	Beta2                float64 `json:"beta2" yaml:"beta2"`
	Eps                  float64 `json:"eps" yaml:"eps"`
	WeightDecay          float64 `json:"weight_decay" yaml:"weight_decay"`
	DecoupledWeightDecay bool    `json:"decoupled_weight_decay" yaml:"decoupled_weight_decay"` // apart from the gradient, as AdamW
}

// DefaultRAdam has rate 0.001, betas 0.9 and 0.999, eps 1e-8.
func DefaultRAdam() RAdam { return RAdam{Common: common(1e-3), Beta1: 0.9, Beta2: 0.999, Eps: 1e-8} }

// Build makes an optimizer of one group.
func (cfg RAdam) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg RAdam) Validate() error {
	c := cfg.check()
	c.below1("beta1", cfg.Beta1)
	c.below1("beta2", cfg.Beta2)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are exp_avg and exp_avg_sq.
func (RAdam) Slots(ir.Type) []Slot { return []Slot{{Name: "exp_avg"}, {Name: "exp_avg_sq"}} }

// Start builds rho and what follows from it.
func (cfg RAdam) Start(s *Step) Update {
	t := s.Count()
	number := func(v float64) *ir.Value { return ops.Scalar(t, v) }
	rate := s.scalar(ops.Div(s.rate(), s.correction(cfg.Beta1)))
	rhoInf := 2/(1-cfg.Beta2) - 1
	left := s.correction(cfg.Beta2)
	rho := ops.Sub(number(rhoInf), ops.Div(scale(ops.Mul(t, ops.Pow(number(cfg.Beta2), t)), 2), left))
	r := ops.Div(ops.Mul(ops.Sub(rho, number(4)), ops.Sub(rho, number(2))), rho)
	r = ops.Sqrt(scale(r, rhoInf/((rhoInf-4)*(rhoInf-2))))
	rectified := ops.Gt(rho, number(5))
	r = s.scalar(ops.Mul(r, ops.Sqrt(left))) // not a number where it is not used
	decayed, eps, one := s.decayed(cfg.WeightDecay, cfg.DecoupledWeightDecay), s.constant(cfg.Eps), s.constant(1)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		p, g = decayed(p, g)
		m := towards(state[0], g, 1-cfg.Beta1)
		v := squares(state[1], g, cfg.Beta2)
		adapted := ops.Select(rectified, ops.Div(r, ops.Add(ops.Sqrt(v), eps)), one)
		return ops.Sub(p, ops.Mul(ops.Mul(rate, m), adapted)), []*ir.Value{m, v}
	}
}
