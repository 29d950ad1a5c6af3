package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// HuberConfig describes a Huber loss.
type HuberConfig struct {
	Delta     float64   `json:"delta" yaml:"delta"` // difference from which on the loss is a line, above 0
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultHuber takes the mean, with a delta of 1.
func DefaultHuber() HuberConfig { return HuberConfig{Delta: 1} }

// Huber is the mean Huber loss: DefaultHuber().Apply(x, target).
func Huber(x, target *ir.Value) *ir.Value { return DefaultHuber().Apply(x, target) }

// Apply gives, for each difference d = x - target,
//
//	loss = d^2 / 2                  where |d| < Delta
//	loss = Delta (|d| - Delta/2)    elsewhere
//
// reduced; x and target have one type. The slope is never steeper than Delta.
//
// Source: torch.nn.functional.huber_loss; Huber, "Robust estimation of a
// location parameter" (1964).
func (cfg HuberConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("huber", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg HuberConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("huber", cfg.each(x, target), weight)
}

func (cfg HuberConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("huber", cfg, x, target) {
		return x
	}
	return huber(ops.Sub(x, target), cfg.Delta)
}

// huber is both branches of the formula: the difference d, limited to
// -delta..delta, times what of it lies beyond half the limited one.
func huber(d *ir.Value, delta float64) *ir.Value {
	c := ops.Clamp(d, -delta, delta)
	return ops.Mul(c, ops.Sub(d, ops.Mul(c, ops.Scalar(c, 0.5))))
}

// Target is Numbers.
func (HuberConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg HuberConfig) Validate() error {
	return errors.Join(positive("delta", cfg.Delta), cfg.Reduction.validate())
}
