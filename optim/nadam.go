package optim

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// NAdam is [Adam] with Nesterov's momentum, which it warms up. For parameter p
// with gradient g, in step t = 1, 2, ...:
//
//	g    = g + WeightDecay*p, or p = p*(1 - lr*WeightDecay) with DecoupledWeightDecay
//	mu_t = Beta1*(1 - 0.5*0.96^(t*MomentumDecay))
//	c    = c*mu_t                                          from 1
//	m    = Beta1*m + (1-Beta1)*g
//	v    = Beta2*v + (1-Beta2)*g^2
//	p    = p - lr * (g*(1-mu_t)/(1-c) + m*mu_{t+1}/(1-c*mu_{t+1})) / (sqrt(v/(1-Beta2^t)) + Eps)
//
// Keras's Nadam is this with a MomentumDecay of 1, eps 1e-7, a rate of 0.001 and
// DecoupledWeightDecay.
//
// Source: Dozat, "Incorporating Nesterov momentum into Adam" (2016);
// torch.optim.NAdam; keras.optimizers.Nadam of Keras 3.15. The product c is
// float32, as PyTorch's.
type NAdam struct {
	Common
	Beta1                float64 `json:"beta1" yaml:"beta1"`
	Beta2                float64 `json:"beta2" yaml:"beta2"`
	Eps                  float64 `json:"eps" yaml:"eps"`
	MomentumDecay        float64 `json:"momentum_decay" yaml:"momentum_decay"`
	WeightDecay          float64 `json:"weight_decay" yaml:"weight_decay"`
	DecoupledWeightDecay bool    `json:"decoupled_weight_decay" yaml:"decoupled_weight_decay"` // apart from the gradient, as AdamW
}

// DefaultNAdam has rate 0.002, betas 0.9 and 0.999, eps 1e-8 and momentum decay
// 0.004.
func DefaultNAdam() NAdam {
	return NAdam{Common: common(2e-3), Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, MomentumDecay: 4e-3}
}

// Build makes an optimizer of one group.
func (cfg NAdam) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg NAdam) Validate() error {
	c := cfg.check()
	c.below1("beta1", cfg.Beta1)
	c.below1("beta2", cfg.Beta2)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("momentum_decay", cfg.MomentumDecay)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are mu_product, a number, exp_avg and exp_avg_sq.
func (NAdam) Slots(ir.Type) []Slot {
	return []Slot{{Name: "mu_product", Type: ir.Type{DType: dtype.Float32}, Init: filled(1)}, {Name: "exp_avg"}, {Name: "exp_avg_sq"}}
}

// Start builds the momentum of this step and the next.
func (cfg NAdam) Start(s *Step) Update {
	t := s.Count()
	one := ops.Scalar(t, 1)
	momentum := func(t *ir.Value) *ir.Value {
		warm := ops.Pow(ops.Scalar(t, 0.96), scale(t, cfg.MomentumDecay))
		return scale(ops.Sub(one, scale(warm, 0.5)), cfg.Beta1)
	}
	now, next := momentum(t), momentum(ops.Add(t, one))
	ofGrad := s.scalar(ops.Mul(s.rate(), ops.Sub(one, now)))
	ofMean := s.scalar(ops.Mul(s.rate(), next))
	factor, next := ops.Cast(now, dtype.Float32), s.scalar(next)
	root := s.scalar(ops.Rsqrt(s.correction(cfg.Beta2)))
	decayed, eps, unit := s.decayed(cfg.WeightDecay, cfg.DecoupledWeightDecay), s.constant(cfg.Eps), s.constant(1)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		p, g = decayed(p, g)
		product := ops.Mul(state[0], factor)
		m := towards(state[1], g, 1-cfg.Beta1)
		v := squares(state[2], g, cfg.Beta2)
		c := s.scalar(product)
		a := ops.Div(ofGrad, ops.Sub(unit, c))
		b := ops.Div(ofMean, ops.Sub(unit, ops.Mul(c, next)))
		step := ops.Add(ops.Mul(g, a), ops.Mul(m, b))
		return ops.Sub(p, ops.Div(step, ops.Add(ops.Mul(ops.Sqrt(v), root), eps))), []*ir.Value{product, m, v}
	}
}
