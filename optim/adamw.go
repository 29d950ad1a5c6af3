package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
)

// AdamW is [Adam] with weight decay apart from the gradient:
//
//	p = p * (1 - lr*WeightDecay)
//
// and then the step of Adam without decay.
//
// Source: Loshchilov, Hutter, "Decoupled weight decay regularization" (2017),
// algorithm 2; torch.optim.AdamW; keras.optimizers.AdamW of Keras 3.15, whose
// own settings are the form of Keras with eps 1e-7 and decay 0.004.
type AdamW struct {
	Common
	Form        Form    `json:"form" yaml:"form"`
	Beta1       float64 `json:"beta1" yaml:"beta1"`
	Beta2       float64 `json:"beta2" yaml:"beta2"`
	Eps         float64 `json:"eps" yaml:"eps"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"` // per unit of learning rate
	AMSGrad     bool    `json:"amsgrad" yaml:"amsgrad"`
}

// DefaultAdamW has rate 0.001, betas 0.9 and 0.999, eps 1e-8 and decay 0.01.
func DefaultAdamW() AdamW {
	return AdamW{Common: common(1e-3), Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-2}
}

// Build makes an optimizer of one group.
func (cfg AdamW) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg AdamW) Validate() error { return Adam(cfg).Validate() }

// Slots are exp_avg and exp_avg_sq, and max_exp_avg_sq with AMSGrad.
func (cfg AdamW) Slots(p ir.Type) []Slot { return Adam(cfg).Slots(p) }

// Start builds the shrinking factor and what Adam shares.
func (cfg AdamW) Start(s *Step) Update { return Adam(cfg).start(s, true) }
