package loss

import (
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// LogCoshConfig describes a logarithm of a hyperbolic cosine.
type LogCoshConfig struct {
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// LogCosh is the mean of log cosh(x - target): LogCoshConfig{}.Apply(x, target).
func LogCosh(x, target *ir.Value) *ir.Value { return LogCoshConfig{}.Apply(x, target) }

// Apply gives, for each element with d = x - target,
//
//	loss = log(cosh(d)) = |d| + log(1 + e^(-2|d|)) - log 2
//
// reduced; both have one type. It is nearly d^2/2 where d is small and |d| - log 2
// where it is large, without overflow.
//
// Source: keras.losses.LogCosh of Keras 3.15.
func (cfg LogCoshConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("log_cosh", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg LogCoshConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("log_cosh", cfg.each(x, target), weight)
}

func (cfg LogCoshConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("log_cosh", cfg, x, target) {
		return x
	}
	d := ops.Sub(x, target)
	two := ops.Scalar(d, -2)
	return ops.Sub(ops.Add(d, ops.Softplus(ops.Mul(d, two), 1, 40)), ops.Scalar(d, math.Ln2))
}

// Target is Numbers.
func (LogCoshConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg LogCoshConfig) Validate() error {
	return cfg.Reduction.validate()
}
