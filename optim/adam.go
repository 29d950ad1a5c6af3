package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Adam divides the mean of recent gradients by the root of the mean of their
// squares. For parameter p with gradient g, in step t = 1, 2, ...:
//
//	g = g + WeightDecay*p
//	m = Beta1*m + (1-Beta1)*g
//	v = Beta2*v + (1-Beta2)*g^2
//	p = p - lr * (m/(1-Beta1^t)) / (sqrt(v/(1-Beta2^t)) + Eps)
//
// AMSGrad takes the largest v so far in place of v under the root.
//
// The form of Keras adds Eps to the root before it is corrected,
//
//	p = p - lr*sqrt(1-Beta2^t)/(1-Beta1^t) * m/(sqrt(v)+Eps)
//
// and has weight decay apart from the gradient, as [AdamW]. Keras's own settings
// are that form with an eps of 1e-7.
//
// Source: Kingma, Ba, "Adam: a method for stochastic optimization" (2014),
// algorithm 1, and the line before section 2.1 for the form of Keras; Reddi,
// Kale, Kumar, "On the convergence of Adam and beyond" (2018); torch.optim.Adam;
// keras.optimizers.Adam of Keras 3.15. Here sqrt(v) is multiplied by the rounded
// 1/sqrt(1-Beta2^t), where PyTorch divides.
type Adam struct {
	Common
	Form        Form    `json:"form" yaml:"form"`
	Beta1       float64 `json:"beta1" yaml:"beta1"`
	Beta2       float64 `json:"beta2" yaml:"beta2"`
	Eps         float64 `json:"eps" yaml:"eps"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"` // as part of the gradient
	AMSGrad     bool    `json:"amsgrad" yaml:"amsgrad"`
}

// DefaultAdam is the setting of the paper: rate 0.001, betas 0.9 and 0.999, eps
// 1e-8.
func DefaultAdam() Adam { return Adam{Common: common(1e-3), Beta1: 0.9, Beta2: 0.999, Eps: 1e-8} }

// Build makes an optimizer of one group.
func (cfg Adam) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg Adam) Validate() error {
	c := cfg.check()
	c.form(cfg.Form)
	c.below1("beta1", cfg.Beta1)
	c.below1("beta2", cfg.Beta2)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are exp_avg and exp_avg_sq, and max_exp_avg_sq with AMSGrad.
func (cfg Adam) Slots(ir.Type) []Slot {
	slots := []Slot{{Name: "exp_avg"}, {Name: "exp_avg_sq"}}
	if cfg.AMSGrad {
		slots = append(slots, Slot{Name: "max_exp_avg_sq"})
	}
	return slots
}

// Start builds the corrections for the zeros that the means start from.
func (cfg Adam) Start(s *Step) Update { return cfg.start(s, cfg.Form == Keras) }

// start is the update with weight decay apart from the gradient, or as a part of
// it.
func (cfg Adam) start(s *Step, apart bool) Update {
	numbers := cfg.numbers(s, apart)
	if !cfg.AMSGrad {
		return rule(ops.AdamUpdate, numbers...)
	}
	rate, corrected, eps := numbers[0], numbers[5], numbers[6]
	decayed := s.decayed(cfg.WeightDecay, apart)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		p, g = decayed(p, g)
		m := towards(state[0], g, 1-cfg.Beta1)
		v := squares(state[1], g, cfg.Beta2)
		most := ops.Maximum(state[2], v)
		return ops.Sub(p, ops.Mul(rate, ops.Div(m, ops.Add(ops.Mul(ops.Sqrt(most), corrected), eps)))), []*ir.Value{m, v, most}
	}
}

// numbers are the scalars of ops.AdamUpdate.
func (cfg Adam) numbers(s *Step, apart bool) []*ir.Value {
	keep, decay := s.constant(1), s.constant(cfg.WeightDecay)
	if apart {
		keep, decay = s.keep(cfg.WeightDecay), s.constant(0)
	}
	left := s.correction(cfg.Beta2)
	step, root := ops.Div(s.rate(), s.correction(cfg.Beta1)), ops.Rsqrt(left)
	if cfg.Form == Keras {
		step, root = ops.Mul(step, ops.Sqrt(left)), ops.Scalar(left, 1)
	}
	return []*ir.Value{s.scalar(step), decay, s.constant(1 - cfg.Beta1), s.constant(cfg.Beta2), s.constant(1 - cfg.Beta2), s.scalar(root), s.constant(cfg.Eps), keep}
}
