package loss

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// SquaredHingeConfig describes the square of a hinge loss.
type SquaredHingeConfig struct {
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// SquaredHinge is the mean squared hinge loss: SquaredHingeConfig{}.Apply(x, target).
func SquaredHinge(x, target *ir.Value) *ir.Value { return SquaredHingeConfig{}.Apply(x, target) }

// Apply gives, for each element with score x and target t, -1 or 1,
//
//	loss = max(0, 1 - t x)^2
//
// reduced; both have one type. A target of 0 stands for -1.
//
// Source: keras.losses.SquaredHinge of Keras 3.15, which takes 0 for -1 where no target
// is anything but 0 or 1, and without reduction means over the last axis.
func (cfg SquaredHingeConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("squared_hinge", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg SquaredHingeConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("squared_hinge", cfg.each(x, target), weight)
}

func (cfg SquaredHingeConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("squared_hinge", cfg, x, target) {
		return x
	}
	one := ops.Scalar(x, 1)
	side := ops.Select(ops.Eq(target, ops.Scalar(target, 0)), ops.Neg(one), target)
	z := hinge(ops.Sub(one, ops.Mul(side, x)))
	return ops.Mul(z, z)
}

// Target is Numbers.
func (SquaredHingeConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg SquaredHingeConfig) Validate() error {
	return cfg.Reduction.validate()
}
