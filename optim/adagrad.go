package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// AdaGrad divides by the root of the sum of all squared gradients. For
// parameter p with gradient g, in step t = 1, 2, ...:
//
//	g   = g + WeightDecay*p
//	sum = sum + g^2                  from InitialAccumulator
//	p   = p - lr/(1 + (t-1)*LRDecay) * g / (sqrt(sum) + Eps)
//
// The form of Keras has Eps under the root, g/sqrt(sum + Eps), and weight decay
// apart from the gradient: p = p*(1 - lr*WeightDecay) before the step. Keras's
// own settings are that form with a rate of 0.001, an initial accumulator of 0.1
// and eps 1e-7.
//
// Source: Duchi, Hazan, Singer, "Adaptive subgradient methods" (2011), figure 1
// with a diagonal matrix; torch.optim.Adagrad;
// keras.optimizers.Adagrad of Keras 3.15.
type AdaGrad struct {
	Common
	Form               Form    `json:"form" yaml:"form"`
	LRDecay            float64 `json:"lr_decay" yaml:"lr_decay"`
	InitialAccumulator float64 `json:"initial_accumulator" yaml:"initial_accumulator"`
	Eps                float64 `json:"eps" yaml:"eps"`
	WeightDecay        float64 `json:"weight_decay" yaml:"weight_decay"`
}

// DefaultAdaGrad has rate 0.01, eps 1e-10 and no decay.
func DefaultAdaGrad() AdaGrad { return AdaGrad{Common: common(1e-2), Eps: 1e-10} }

// Build makes an optimizer of one group.
func (cfg AdaGrad) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg AdaGrad) Validate() error {
	c := cfg.check()
	c.form(cfg.Form)
	c.atLeast0("lr_decay", cfg.LRDecay)
	c.atLeast0("initial_accumulator", cfg.InitialAccumulator)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots is sum.
func (cfg AdaGrad) Slots(ir.Type) []Slot {
	return []Slot{{Name: "sum", Init: filled(cfg.InitialAccumulator)}}
}

// Start builds the decayed rate.
func (cfg AdaGrad) Start(s *Step) Update {
	rate := s.LR
	if cfg.LRDecay != 0 {
		t := s.Count()
		one := ops.Scalar(t, 1)
		slower := ops.Add(one, scale(ops.Sub(t, one), cfg.LRDecay))
		rate = s.scalar(ops.Div(s.rate(), slower))
	}
	if cfg.Form == Keras {
		decayed, eps := s.decayed(cfg.WeightDecay, true), s.constant(cfg.Eps)
		return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
			p, g = decayed(p, g)
			sum := ops.Add(state[0], ops.Mul(g, g))
			return ops.Sub(p, ops.Div(ops.Mul(rate, g), ops.Sqrt(ops.Add(sum, eps)))), []*ir.Value{sum}
		}
	}
	return rule(ops.AdaGradUpdate, rate, s.constant(cfg.WeightDecay), s.constant(cfg.Eps))
}
