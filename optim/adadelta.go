package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Adadelta gives a step the unit of the parameter: it divides the root of the
// mean of recent squared steps by that of recent squared gradients. For
// parameter p with gradient g:
//
//	g     = g + WeightDecay*p
//	v     = Rho*v + (1-Rho)*g^2
//	delta = sqrt(u+Eps) / sqrt(v+Eps) * g
//	u     = Rho*u + (1-Rho)*delta^2
//	p     = p - lr*delta
//
// Source: Zeiler, "ADADELTA: an adaptive learning rate method" (2012), algorithm
// 1; torch.optim.Adadelta. Keras's is the same with a rate of 0.001, rho 0.95
// and eps 1e-7; its weight decay is apart from the gradient.
type Adadelta struct {
	Common
	Rho         float64 `json:"rho" yaml:"rho"`
	Eps         float64 `json:"eps" yaml:"eps"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"` // as part of the gradient
}

// DefaultAdadelta has rate 1, rho 0.9 and eps 1e-6.
func DefaultAdadelta() Adadelta { return Adadelta{Common: common(1), Rho: 0.9, Eps: 1e-6} }

// Build makes an optimizer of one group.
func (cfg Adadelta) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg Adadelta) Validate() error {
	c := cfg.check()
	c.that(cfg.Rho >= 0 && cfg.Rho <= 1, "rho must be at least 0 and at most 1, got %v", cfg.Rho)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are square_avg and acc_delta.
func (Adadelta) Slots(ir.Type) []Slot { return []Slot{{Name: "square_avg"}, {Name: "acc_delta"}} }

// Start has nothing to share but the rate.
func (cfg Adadelta) Start(s *Step) Update {
	decayed, eps := s.decayed(cfg.WeightDecay, false), s.constant(cfg.Eps)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		p, g = decayed(p, g)
		v := squares(state[0], g, cfg.Rho)
		delta := ops.Mul(ops.Div(ops.Sqrt(ops.Add(state[1], eps)), ops.Sqrt(ops.Add(v, eps))), g)
		return ops.Sub(p, ops.Mul(s.LR, delta)), []*ir.Value{v, squares(state[1], delta, cfg.Rho)}
	}
}
