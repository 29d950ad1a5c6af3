package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// SGDScheduleFree is gradient descent of [ScheduleFree], with beta Momentum and
// the direction
//
//	d = g + WeightDecay*y
//
// Source: schedulefree.SGDScheduleFree (1.4.1).
type SGDScheduleFree struct {
	Common
	ScheduleFree
	Momentum    float64 `json:"momentum" yaml:"momentum"` // between 0 and 1
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"`
}

// DefaultSGDScheduleFree has rate 1, momentum 0.9, and no decay and warm-up.
func DefaultSGDScheduleFree() SGDScheduleFree {
	return SGDScheduleFree{Common: common(1), ScheduleFree: ScheduleFree{WeightLRPower: 2}, Momentum: 0.9}
}

// Build makes an optimizer of one group.
func (cfg SGDScheduleFree) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg SGDScheduleFree) Validate() error {
	c := cfg.Common.check()
	cfg.ScheduleFree.check(c)
	c.between0And1("momentum", cfg.Momentum)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots is z.
func (SGDScheduleFree) Slots(ir.Type) []Slot { return []Slot{{Name: "z", Copy: true}} }

// Start builds the numbers of the step.
func (cfg SGDScheduleFree) Start(s *Step) Update {
	f, decay := cfg.start(s, cfg.Momentum), s.constant(cfg.WeightDecay)
	return func(y, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		y, z := f.update(y, state[0], ops.Add(g, ops.Mul(decay, y)))
		return y, []*ir.Value{z}
	}
}

// Judged is x.
func (cfg SGDScheduleFree) Judged(y *ir.Value, state []*ir.Value) *ir.Value {
	return mean(y, state[0], cfg.Momentum)
}
