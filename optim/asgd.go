package optim

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// ASGD is gradient descent that keeps an average of where it has been. For
// parameter p with gradient g, in step t = 1, 2, ...:
//
//	g   = g + WeightDecay*p
//	p   = p*(1 - Lambda*eta) - eta*g
//	ax  = ax + (p-ax)*mu
//	eta = lr / (1 + Lambda*lr*t)^Alpha           for the next step; lr in the first
//	mu  = 1 / max(1, t-T0)                       for the next step; 1 in the first
//
// The average ax is a state: nothing reads it, as in PyTorch. To judge a model
// by an average, see [Average].
//
// Source: Polyak, Juditsky, "Acceleration of stochastic approximation by
// averaging" (1992); torch.optim.ASGD, whose eta is float32 too.
type ASGD struct {
	Common
	Lambda      float64 `json:"lambda" yaml:"lambda"` // decay
	Alpha       float64 `json:"alpha" yaml:"alpha"`   // power of the decay of eta
	T0          float64 `json:"t0" yaml:"t0"`         // the step that the average begins in
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"`
}

// DefaultASGD has rate 0.01, lambda 1e-4, alpha 0.75 and begins the average
// after a million steps.
func DefaultASGD() ASGD { return ASGD{Common: common(1e-2), Lambda: 1e-4, Alpha: 0.75, T0: 1e6} }

// Build makes an optimizer of one group.
func (cfg ASGD) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg ASGD) Validate() error {
	c := cfg.check()
	c.atLeast0("lambda", cfg.Lambda)
	c.atLeast0("alpha", cfg.Alpha)
	c.atLeast0("t0", cfg.T0)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are eta, a number, and ax.
func (ASGD) Slots(ir.Type) []Slot {
	return []Slot{{Name: "eta", Type: ir.Type{DType: dtype.Float32}}, {Name: "ax"}}
}

// Start builds the next eta, and the weight of this step in the average.
func (cfg ASGD) Start(s *Step) Update {
	t, lr := s.Count(), s.rate()
	one := ops.Scalar(t, 1)
	first, start := s.first(), ops.Cast(s.LR, dtype.Float32)
	slower := ops.Pow(ops.Add(one, scale(ops.Mul(lr, t), cfg.Lambda)), ops.Scalar(t, cfg.Alpha))
	next := ops.Cast(ops.Div(lr, slower), dtype.Float32)
	mu := s.scalar(ops.Div(one, ops.Maximum(one, ops.Sub(t, ops.Scalar(t, 1+cfg.T0)))))
	decayed := s.decayed(cfg.WeightDecay, false)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		p, g = decayed(p, g)
		eta := s.scalar(ops.Select(first, start, state[0]))
		keep := ops.Sub(s.constant(1), scale(eta, cfg.Lambda))
		p = ops.Sub(ops.Mul(p, keep), ops.Mul(eta, g))
		return p, []*ir.Value{next, ops.Add(state[1], ops.Mul(ops.Sub(p, state[1]), mu))}
	}
}
