package loss

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// SoftMarginConfig describes a logistic loss of targets 1 and -1.
type SoftMarginConfig struct {
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// SoftMargin is the mean logistic loss, in nats.
func SoftMargin(x, target *ir.Value) *ir.Value { return SoftMarginConfig{}.Apply(x, target) }

// Apply gives
//
//	loss = log(1 + e^(-target x))
//
// reduced; target is 1 or -1, and both have one type. It does not overflow,
// where PyTorch's does.
//
// Source: torch.nn.functional.soft_margin_loss.
func (cfg SoftMarginConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("soft_margin", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg SoftMarginConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("soft_margin", cfg.each(x, target), weight)
}

func (cfg SoftMarginConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("soft_margin", cfg, x, target) {
		return x
	}
	return ops.Neg(ops.LogSigmoid(ops.Mul(target, x)))
}

// Target is Numbers.
func (SoftMarginConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg SoftMarginConfig) Validate() error { return cfg.Reduction.validate() }
