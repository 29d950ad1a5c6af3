package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// MSLEConfig describes a mean squared logarithmic error.
type MSLEConfig struct {
	Eps       float64   `json:"eps" yaml:"eps"` // what smaller numbers are taken for, above 0
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultMSLE takes the mean.
func DefaultMSLE() MSLEConfig { return MSLEConfig{Eps: 1e-7} }

// MSLE is the mean squared logarithmic error: DefaultMSLE().Apply(x, target).
func MSLE(x, target *ir.Value) *ir.Value { return DefaultMSLE().Apply(x, target) }

// Apply gives, for each element with prediction x and target t,
//
//	loss = (log(max(x, Eps) + 1) - log(max(t, Eps) + 1))^2
//
// reduced; both have one type.
//
// Source: keras.losses.MeanSquaredLogarithmicError of Keras 3.15.
func (cfg MSLEConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("msle", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg MSLEConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("msle", cfg.each(x, target), weight)
}

func (cfg MSLEConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("msle", cfg, x, target) {
		return x
	}
	log := func(v *ir.Value) *ir.Value {
		return ops.Log(ops.Add(ops.Maximum(v, ops.Scalar(v, cfg.Eps)), ops.Scalar(v, 1)))
	}
	d := ops.Sub(log(x), log(target))
	return ops.Mul(d, d)
}

// Target is Numbers.
func (MSLEConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg MSLEConfig) Validate() error {
	return errors.Join(positive("eps", cfg.Eps), cfg.Reduction.validate())
}
