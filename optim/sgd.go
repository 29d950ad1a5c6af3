package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// SGD is gradient descent with momentum. For parameter p with gradient g:
//
//	g   = g + WeightDecay*p
//	buf = g                                  in the first step
//	buf = Momentum*buf + (1-Dampening)*g     in the others
//	d   = g + Momentum*buf with Nesterov, buf without; g where Momentum is 0
//	p   = p - lr*d
//
// The form of Keras has the rate inside the buffer, where a schedule changes
// what is added and not what is there, and weight decay apart from the gradient:
//
//	p   = p * (1 - lr*WeightDecay)
//	buf = Momentum*buf - lr*g
//	p   = p + buf                    p + Momentum*buf - lr*g with Nesterov
//
// Source: torch.optim.SGD; keras.optimizers.SGD of Keras 3.15.
type SGD struct {
	Common
	Form        Form    `json:"form" yaml:"form"`
	Momentum    float64 `json:"momentum" yaml:"momentum"`
	Dampening   float64 `json:"dampening" yaml:"dampening"`
	Nesterov    bool    `json:"nesterov" yaml:"nesterov"` // needs momentum and no dampening
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"`
}

// DefaultSGD is plain gradient descent at a rate of 0.001.
func DefaultSGD() SGD { return SGD{Common: common(1e-3)} }

// Build makes an optimizer of one group.
func (cfg SGD) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg SGD) Validate() error {
	c := cfg.check()
	c.form(cfg.Form)
	c.atLeast0("momentum", cfg.Momentum)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	c.that(cfg.Dampening-cfg.Dampening == 0, "dampening must be a finite number")
	c.that(!cfg.Nesterov || cfg.Momentum > 0 && cfg.Dampening == 0, "nesterov needs a momentum above 0 and a dampening of 0")
	c.that(cfg.Form == Torch || cfg.Dampening == 0, "the form of Keras has no dampening")
	return c.err()
}

// Slots is momentum_buffer, if there is momentum.
func (cfg SGD) Slots(ir.Type) []Slot {
	if cfg.Momentum == 0 {
		return nil
	}
	return []Slot{{Name: "momentum_buffer"}}
}

// Start builds the part of g that enters the momentum. The buffer is 0 at
// first, so that without dampening the first step is like any other.
func (cfg SGD) Start(s *Step) Update {
	if cfg.Form == Keras {
		return cfg.keras(s)
	}
	decay := s.constant(cfg.WeightDecay)
	if cfg.Momentum == 0 {
		return rule(ops.SGDUpdate, s.LR, decay)
	}
	take := s.constant(1 - cfg.Dampening)
	if cfg.Dampening != 0 {
		n := s.Count()
		first := ops.Eq(n, ops.Scalar(n, 1))
		take = s.scalar(ops.Select(first, ops.Scalar(n, 1), ops.Scalar(n, 1-cfg.Dampening)))
	}
	momentum := s.constant(cfg.Momentum)
	if cfg.Nesterov {
		return rule(ops.SGDNesterovUpdate, s.LR, decay, momentum, take, momentum)
	}
	return rule(ops.SGDMomentumUpdate, s.LR, decay, momentum, take)
}

// keras is the update with the rate inside the buffer.
func (cfg SGD) keras(s *Step) Update {
	decayed := s.decayed(cfg.WeightDecay, true)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		p, g = decayed(p, g)
		step := ops.Mul(s.LR, g)
		if cfg.Momentum == 0 {
			return ops.Sub(p, step), nil
		}
		buf := ops.Sub(scale(state[0], cfg.Momentum), step)
		if cfg.Nesterov {
			return ops.Sub(ops.Add(p, scale(buf, cfg.Momentum)), step), []*ir.Value{buf}
		}
		return ops.Add(p, buf), []*ir.Value{buf}
	}
}
