package optim

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Adam8Bit is [Adam] that keeps its two means in 8 bits an element, a quarter of
// the memory: a code of 256 numbers, dense near 0, times the largest magnitude of
// its block of 256 elements. See [ops.Adam8BitOp]. Parameters of fewer than
// Min8BitSize elements, and those of float64, keep them as Adam does.
//
// Source: Dettmers and others, "8-bit optimizers via block-wise quantization"
// (2021); bitsandbytes.optim.Adam8bit (0.50.2), whose weight decay is that of
// [AdamW8Bit].
type Adam8Bit struct {
	Common
	Beta1       float64 `json:"beta1" yaml:"beta1"`
	Beta2       float64 `json:"beta2" yaml:"beta2"`
	Eps         float64 `json:"eps" yaml:"eps"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"` // as part of the gradient
	Min8BitSize int     `json:"min_8bit_size" yaml:"min_8bit_size"`
}

// DefaultAdam8Bit is [DefaultAdam] for parameters of at least 4096 elements.
func DefaultAdam8Bit() Adam8Bit {
	return Adam8Bit{Common: common(1e-3), Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Min8BitSize: 4096}
}

// Build makes an optimizer of one group.
func (cfg Adam8Bit) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// adam is the optimizer without codes.
func (cfg Adam8Bit) adam() Adam {
	return Adam{Common: cfg.Common, Beta1: cfg.Beta1, Beta2: cfg.Beta2, Eps: cfg.Eps, WeightDecay: cfg.WeightDecay}
}

// Validate tells all that is wrong.
func (cfg Adam8Bit) Validate() error {
	c := &checker{[]error{cfg.adam().Validate()}}
	c.that(cfg.Min8BitSize >= 0, "min_8bit_size must not be negative, got %d", cfg.Min8BitSize)
	return c.err()
}

// coded tells whether the means of a parameter are codes.
func (cfg Adam8Bit) coded(p ir.Type) bool {
	return p.DType == dtype.Float32 && p.Shape.Size() >= cfg.Min8BitSize
}

// Slots are the codes state1 and state2 and the scales absmax1 and absmax2, or
// those of Adam.
func (cfg Adam8Bit) Slots(p ir.Type) []Slot {
	if !cfg.coded(p) {
		return cfg.adam().Slots(p)
	}
	codes, scales := ir.Type{DType: dtype.Uint8, Shape: p.Shape}, ops.Adam8BitScales(p)
	return []Slot{{Name: "state1", Type: codes}, {Name: "state2", Type: codes}, {Name: "absmax1", Type: scales}, {Name: "absmax2", Type: scales}}
}

// Start builds the numbers of Adam.
func (cfg Adam8Bit) Start(s *Step) Update { return cfg.start(s, false) }

func (cfg Adam8Bit) start(s *Step, apart bool) Update {
	numbers := cfg.adam().numbers(s, apart)
	plain := rule(ops.AdamUpdate, numbers...)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		if !cfg.coded(p.Type()) {
			return plain(p, g, state)
		}
		p, codes, scales := ops.Adam8Bit(p, g, [2]*ir.Value(state[:2]), [2]*ir.Value(state[2:]), numbers)
		return p, append(codes[:], scales[:]...)
	}
}
