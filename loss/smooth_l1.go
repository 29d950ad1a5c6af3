package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// SmoothL1Config describes a smooth absolute error.
type SmoothL1Config struct {
	Beta      float64   `json:"beta" yaml:"beta"` // difference from which on the loss is a line; 0 gives l1
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultSmoothL1 takes the mean, with a beta of 1.
func DefaultSmoothL1() SmoothL1Config { return SmoothL1Config{Beta: 1} }

// SmoothL1 is the mean smooth absolute error: DefaultSmoothL1().Apply(x, target).
func SmoothL1(x, target *ir.Value) *ir.Value { return DefaultSmoothL1().Apply(x, target) }

// Apply gives, for each difference d = x - target,
//
//	loss = d^2 / (2 Beta)    where |d| < Beta
//	loss = |d| - Beta/2      elsewhere
//
// reduced, which is [HuberConfig]'s divided by Beta; x and target have one type.
//
// Source: torch.nn.functional.smooth_l1_loss; Girshick, "Fast R-CNN" (2015),
// equation 3.
func (cfg SmoothL1Config) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("smooth_l1", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg SmoothL1Config) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("smooth_l1", cfg.each(x, target), weight)
}

func (cfg SmoothL1Config) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("smooth_l1", cfg, x, target) {
		return x
	}
	d := ops.Sub(x, target)
	if cfg.Beta == 0 {
		return ops.Abs(d)
	}
	return ops.Mul(huber(d, cfg.Beta), ops.Scalar(d, 1/cfg.Beta))
}

// Target is Numbers.
func (SmoothL1Config) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg SmoothL1Config) Validate() error {
	return errors.Join(notNegative("beta", cfg.Beta), cfg.Reduction.validate())
}
