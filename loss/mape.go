package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// MAPEConfig describes a mean absolute percentage error.
type MAPEConfig struct {
	Eps       float64   `json:"eps" yaml:"eps"` // least absolute value of a target, above 0
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultMAPE takes the mean.
func DefaultMAPE() MAPEConfig { return MAPEConfig{Eps: 1e-7} }

// MAPE is the mean absolute percentage error: DefaultMAPE().Apply(x, target).
func MAPE(x, target *ir.Value) *ir.Value { return DefaultMAPE().Apply(x, target) }

// Apply gives, for each element with prediction x and target t,
//
//	loss = 100 |t - x| / max(|t|, Eps)
//
// reduced, in percent; both have one type.
//
// Source: keras.losses.MeanAbsolutePercentageError of Keras 3.15.
func (cfg MAPEConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("mape", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg MAPEConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("mape", cfg.each(x, target), weight)
}

func (cfg MAPEConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("mape", cfg, x, target) {
		return x
	}
	size := ops.Maximum(ops.Abs(target), ops.Scalar(target, cfg.Eps))
	return ops.Mul(ops.Abs(ops.Div(ops.Sub(target, x), size)), ops.Scalar(x, 100))
}

// Target is Numbers.
func (MAPEConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg MAPEConfig) Validate() error {
	return errors.Join(positive("eps", cfg.Eps), cfg.Reduction.validate())
}
