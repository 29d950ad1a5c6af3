package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// RMSprop divides by the root of the mean of recent squared gradients. For
// parameter p with gradient g:
//
//	g    = g + WeightDecay*p
//	v    = Alpha*v + (1-Alpha)*g^2
//	d    = g / (sqrt(v) + Eps)
//	buf  = Momentum*buf + d          with Momentum; d = buf
//	p    = p - lr*d
//
// Centered takes v - gbar^2 in place of v under the root, where
// gbar = Alpha*gbar + (1-Alpha)*g.
//
// The form of Keras has Eps under the root, the rate inside the momentum, and
// weight decay apart from the gradient:
//
//	p    = p * (1 - lr*WeightDecay)
//	buf  = Momentum*buf + lr*g/sqrt(v + Eps)
//	p    = p - buf
//
// Keras's own settings are that form with a rate of 0.001, alpha 0.9 (there rho)
// and eps 1e-7.
//
// Source: Hinton, lecture 6e of "Neural networks for machine learning" (2012);
// Centered after Graves, "Generating sequences with recurrent neural networks"
// (2013); torch.optim.RMSprop; keras.optimizers.RMSprop of Keras 3.15.
type RMSprop struct {
	Common
	Form        Form    `json:"form" yaml:"form"`
	Alpha       float64 `json:"alpha" yaml:"alpha"`
	Eps         float64 `json:"eps" yaml:"eps"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"`
	Momentum    float64 `json:"momentum" yaml:"momentum"`
	Centered    bool    `json:"centered" yaml:"centered"`
}

// DefaultRMSprop has rate 0.01, alpha 0.99 and eps 1e-8.
func DefaultRMSprop() RMSprop { return RMSprop{Common: common(1e-2), Alpha: 0.99, Eps: 1e-8} }

// Build makes an optimizer of one group.
func (cfg RMSprop) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg RMSprop) Validate() error {
	c := cfg.check()
	c.form(cfg.Form)
	c.below1("alpha", cfg.Alpha)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	c.atLeast0("momentum", cfg.Momentum)
	return c.err()
}

// Slots are square_avg, then grad_avg if centered, then momentum_buffer if
// there is momentum.
func (cfg RMSprop) Slots(ir.Type) []Slot {
	slots := []Slot{{Name: "square_avg"}}
	if cfg.Centered {
		slots = append(slots, Slot{Name: "grad_avg"})
	}
	if cfg.Momentum != 0 {
		slots = append(slots, Slot{Name: "momentum_buffer"})
	}
	return slots
}

// Start picks the rule.
func (cfg RMSprop) Start(s *Step) Update {
	if cfg.Form == Keras {
		return cfg.keras(s)
	}
	scalars := []*ir.Value{s.LR, s.constant(cfg.WeightDecay), s.constant(cfg.Alpha), s.constant(1 - cfg.Alpha), s.constant(cfg.Eps)}
	switch momentum := s.constant(cfg.Momentum); {
	case cfg.Centered && cfg.Momentum != 0:
		return rule(ops.RMSpropCenteredMomentumUpdate, append(scalars, momentum)...)
	case cfg.Momentum != 0:
		return rule(ops.RMSpropMomentumUpdate, append(scalars, momentum)...)
	case cfg.Centered:
		return rule(ops.RMSpropCenteredUpdate, scalars...)
	}
	return rule(ops.RMSpropUpdate, scalars...)
}

// keras is the update with eps under the root.
func (cfg RMSprop) keras(s *Step) Update {
	decayed, eps := s.decayed(cfg.WeightDecay, true), s.constant(cfg.Eps)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		p, g = decayed(p, g)
		v := squares(state[0], g, cfg.Alpha)
		next, variance := []*ir.Value{v}, v
		if cfg.Centered {
			m := towards(state[1], g, 1-cfg.Alpha)
			next, variance = append(next, m), ops.Sub(v, ops.Mul(m, m))
		}
		step := ops.Div(ops.Mul(s.LR, g), ops.Sqrt(ops.Add(variance, eps)))
		if cfg.Momentum != 0 {
			step = ops.Add(scale(state[len(next)], cfg.Momentum), step)
			next = append(next, step)
		}
		return ops.Sub(p, step), next
	}
}
