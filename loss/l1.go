package loss

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// L1Config describes a mean absolute error.
type L1Config struct {
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// L1 is the mean of |x - target| over all elements; both have one type. Where
// they are equal the gradient is 0.
//
// Source: torch.nn.functional.l1_loss.
func L1(x, target *ir.Value) *ir.Value { return L1Config{}.Apply(x, target) }

// Apply gives |x - target|, reduced.
func (cfg L1Config) Apply(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !alike("l1", x, target) {
		return x
	}
	return cfg.Reduction.apply("l1", ops.Abs(ops.Sub(x, target)))
}

// Terms is the sum over all elements, and their number.
func (cfg L1Config) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("l1", L1Config{None}.Apply(x, target), weight)
}

// Target is Numbers.
func (L1Config) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg L1Config) Validate() error { return cfg.Reduction.validate() }
