package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
)

// AdamW8Bit is [AdamW] with the means of [Adam8Bit].
//
// Source: bitsandbytes.optim.AdamW8bit (0.50.2), which shrinks a parameter after
// the step, not before it.
type AdamW8Bit struct {
	Common
	Beta1       float64 `json:"beta1" yaml:"beta1"`
	Beta2       float64 `json:"beta2" yaml:"beta2"`
	Eps         float64 `json:"eps" yaml:"eps"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"` // per unit of learning rate
	Min8BitSize int     `json:"min_8bit_size" yaml:"min_8bit_size"`
}

// DefaultAdamW8Bit is [DefaultAdamW] for parameters of at least 4096 elements.
func DefaultAdamW8Bit() AdamW8Bit {
	cfg := AdamW8Bit(DefaultAdam8Bit())
	cfg.WeightDecay = 1e-2
	return cfg
}

// Build makes an optimizer of one group.
func (cfg AdamW8Bit) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg AdamW8Bit) Validate() error { return Adam8Bit(cfg).Validate() }

// Slots are those of Adam8Bit.
func (cfg AdamW8Bit) Slots(p ir.Type) []Slot { return Adam8Bit(cfg).Slots(p) }

// Start builds the numbers of AdamW.
func (cfg AdamW8Bit) Start(s *Step) Update { return Adam8Bit(cfg).start(s, true) }
