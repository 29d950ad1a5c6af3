package loss

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// MSEConfig describes a mean squared error.
type MSEConfig struct {
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// MSE is the mean of (x - target)^2 over all elements; both have one type.
//
// Source: torch.nn.functional.mse_loss.
func MSE(x, target *ir.Value) *ir.Value { return MSEConfig{}.Apply(x, target) }

// Apply gives (x - target)^2, reduced.
func (cfg MSEConfig) Apply(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !alike("mse", x, target) {
		return x
	}
	d := ops.Sub(x, target)
	return cfg.Reduction.apply("mse", ops.Mul(d, d))
}

// Terms is the sum over all elements, and their number.
func (cfg MSEConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("mse", MSEConfig{None}.Apply(x, target), weight)
}

// Target is Numbers.
func (MSEConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg MSEConfig) Validate() error { return cfg.Reduction.validate() }
