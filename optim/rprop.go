package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Rprop gives each element a step of its own, which grows while the sign of the
// gradient stays and shrinks when it changes; how large the gradient is says
// nothing. It is for gradients of all data. For parameter p with gradient g:
//
//	e    = EtaPlus where g*prev > 0, EtaMinus where it is < 0, 1 where it is 0
//	size = clamp(size*e, MinStep, MaxStep)       from the rate of the first step
//	g    = 0 where e is EtaMinus
//	p    = p - sign(g)*size
//	prev = g
//
// The rate of later steps has no part in it.
//
// Source: Riedmiller, Braun, "A direct adaptive method for faster
// backpropagation learning: the RPROP algorithm" (1993); torch.optim.Rprop.
type Rprop struct {
	Common
	EtaMinus float64 `json:"eta_minus" yaml:"eta_minus"` // factor of a step that went too far
	EtaPlus  float64 `json:"eta_plus" yaml:"eta_plus"`   // factor of one that may be longer
	MinStep  float64 `json:"min_step" yaml:"min_step"`
	MaxStep  float64 `json:"max_step" yaml:"max_step"`
}

// DefaultRprop has steps from 0.01 that stay in 1e-6..50, and factors 0.5 and
// 1.2.
func DefaultRprop() Rprop {
	return Rprop{Common: common(1e-2), EtaMinus: 0.5, EtaPlus: 1.2, MinStep: 1e-6, MaxStep: 50}
}

// Build makes an optimizer of one group.
func (cfg Rprop) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg Rprop) Validate() error {
	c := cfg.check()
	c.that(cfg.EtaMinus > 0 && cfg.EtaMinus < 1, "eta_minus must be above 0 and below 1, got %v", cfg.EtaMinus)
	c.that(cfg.EtaPlus > 1 && cfg.EtaPlus-cfg.EtaPlus == 0, "eta_plus must be a finite number above 1, got %v", cfg.EtaPlus)
	c.atLeast0("min_step", cfg.MinStep)
	c.that(cfg.MaxStep >= cfg.MinStep, "max_step must not be below min_step, got %v and %v", cfg.MaxStep, cfg.MinStep)
	return c.err()
}

// Slots are prev and step_size.
func (Rprop) Slots(ir.Type) []Slot { return []Slot{{Name: "prev"}, {Name: "step_size"}} }

// Start looks whether this is the first step, whose rate is the first size.
func (cfg Rprop) Start(s *Step) Update {
	first := s.first()
	zero, one, minus, plus := s.constant(0), s.constant(1), s.constant(cfg.EtaMinus), s.constant(cfg.EtaPlus)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		same := ops.Mul(g, state[0])
		turned := ops.Lt(same, zero)
		e := ops.Select(turned, minus, ops.Select(ops.Gt(same, zero), plus, one))
		size := ops.Clamp(ops.Mul(ops.Select(first, s.LR, state[1]), e), cfg.MinStep, cfg.MaxStep)
		g = ops.Select(turned, zero, g)
		return ops.Sub(p, ops.Mul(ops.Sign(g), size)), []*ir.Value{g, size}
	}
}
