package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Ftrl follows the regularised leader: the parameter is the best for the sum of
// all gradients so far, with an L1 norm that makes it exactly 0 where little
// speaks for it. For parameter p with gradient g:
//
//	p = p * (1 - lr*WeightDecay)
//	n = accumulator + g^2                               from InitialAccumulator
//	z = linear + g + 2*L2Shrinkage*p - (n^a - accumulator^a)/lr * p      a = -LRPower
//	p = (clamp(z, -L1, L1) - z) / (n^a/lr + 2*L2 + Beta/lr)
//
// The rate must be above 0 in every step: it divides. The first step forgets the
// initial weights but for a part: the rule is for linear models, and layers
// behind one another, which must differ at the start, do not learn by it.
//
// Source: McMahan and others, "Ad click prediction: a view from the trenches"
// (2013), algorithm 1; keras.optimizers.Ftrl of Keras 3.15.
type Ftrl struct {
	Common
	LRPower            float64 `json:"lr_power" yaml:"lr_power"` // at most 0: how the rate falls as the sum grows; 0 lets it stay
	InitialAccumulator float64 `json:"initial_accumulator" yaml:"initial_accumulator"`
	L1                 float64 `json:"l1" yaml:"l1"`
	L2                 float64 `json:"l2" yaml:"l2"`
	L2Shrinkage        float64 `json:"l2_shrinkage" yaml:"l2_shrinkage"` // a decay that is part of the gradient
	Beta               float64 `json:"beta" yaml:"beta"`
	WeightDecay        float64 `json:"weight_decay" yaml:"weight_decay"` // per unit of learning rate
}

// DefaultFtrl has rate 0.001, a power of -0.5, an accumulator from 0.1 and no
// regularisation.
func DefaultFtrl() Ftrl { return Ftrl{Common: common(1e-3), LRPower: -0.5, InitialAccumulator: 0.1} }

// Build makes an optimizer of one group.
func (cfg Ftrl) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg Ftrl) Validate() error {
	c := cfg.check()
	c.that(cfg.LRPower <= 0 && cfg.LRPower-cfg.LRPower == 0, "lr_power must be a finite number and not above 0, got %v", cfg.LRPower)
	c.atLeast0("initial_accumulator", cfg.InitialAccumulator)
	c.atLeast0("l1", cfg.L1)
	c.atLeast0("l2", cfg.L2)
	c.atLeast0("l2_shrinkage", cfg.L2Shrinkage)
	c.atLeast0("beta", cfg.Beta)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are accumulator and linear.
func (cfg Ftrl) Slots(ir.Type) []Slot {
	return []Slot{{Name: "accumulator", Init: filled(cfg.InitialAccumulator)}, {Name: "linear"}}
}

// Start divides by the rate.
func (cfg Ftrl) Start(s *Step) Update {
	lr := s.rate()
	over := s.scalar(ops.Reciprocal(lr))
	regular := s.scalar(ops.Add(ops.Scalar(lr, 2*cfg.L2), ops.Div(ops.Scalar(lr, cfg.Beta), lr)))
	power := func(n *ir.Value) *ir.Value {
		if cfg.LRPower == -0.5 {
			return ops.Sqrt(n)
		}
		return ops.Pow(n, s.constant(-cfg.LRPower))
	}
	decayed := s.decayed(cfg.WeightDecay, true)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		p, g = decayed(p, g)
		old := power(state[0]) // before the new sum takes its place in memory
		n := ops.Add(state[0], ops.Mul(g, g))
		root := power(n)
		sigma := ops.Mul(ops.Sub(root, old), over)
		z := ops.Add(state[1], ops.Sub(plus(g, 2*cfg.L2Shrinkage, p), ops.Mul(sigma, p)))
		excess := ops.Sub(ops.Clamp(z, -cfg.L1, cfg.L1), z)
		return ops.Div(excess, ops.Add(ops.Mul(root, over), regular)), []*ir.Value{n, z}
	}
}
