package loss

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// HingeConfig describes a hinge loss of two classes.
type HingeConfig struct {
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// Hinge is the mean hinge loss: HingeConfig{}.Apply(x, target).
func Hinge(x, target *ir.Value) *ir.Value { return HingeConfig{}.Apply(x, target) }

// Apply gives, for each element with score x and target t, -1 or 1,
//
//	loss = max(0, 1 - t x)
//
// reduced; both have one type. A target of 0 stands for -1.
//
// Source: keras.losses.Hinge of Keras 3.15, which takes 0 for -1 where no target
// is anything but 0 or 1, and without reduction means over the last axis.
func (cfg HingeConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("hinge", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg HingeConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("hinge", cfg.each(x, target), weight)
}

func (cfg HingeConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("hinge", cfg, x, target) {
		return x
	}
	one := ops.Scalar(x, 1)
	side := ops.Select(ops.Eq(target, ops.Scalar(target, 0)), ops.Neg(one), target)
	return hinge(ops.Sub(one, ops.Mul(side, x)))
}

// Target is Numbers.
func (HingeConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg HingeConfig) Validate() error {
	return cfg.Reduction.validate()
}
