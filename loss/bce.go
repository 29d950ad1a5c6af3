package loss

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// BCEConfig describes a binary cross-entropy of probabilities.
type BCEConfig struct {
	Weight    []float64 `json:"class_weights" yaml:"class_weights"` // factor of each element of the last axis, or one for all; none for ones
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// BCE is the mean binary cross-entropy between probabilities x and targets in
// 0..1, in nats; both have one type. [BCEWithLogits] is more exact.
func BCE(x, target *ir.Value) *ir.Value { return BCEConfig{}.Apply(x, target, nil) }

// Apply gives, for each element with probability x and target t,
//
//	loss = -weight (t log x + (1-t) log(1-x))
//
// reduced, where a logarithm is never below -100: see [ops.BCEOp], whose gradient
// is finite at 0 and 1 too. An x outside 0..1 gives NaN. The weight has the
// element type of x and a shape that stretches to that of x; nil takes that of
// the config. The mean divides by the number of elements, whatever the weights.
//
// Source: torch.nn.functional.binary_cross_entropy.
func (cfg BCEConfig) Apply(x, target, weight *ir.Value) *ir.Value {
	return cfg.Reduction.apply("bce", cfg.each(x, target, weight))
}

// Terms is the sum over all elements, and their number.
func (cfg BCEConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("bce", cfg.each(x, target, nil), weight)
}

func (cfg BCEConfig) each(x, target, weight *ir.Value) *ir.Value {
	x, target, weight = wide(x), wide(target), wide(weight)
	if !ready("bce", cfg, x, target) {
		return x
	}
	if err := checkLastWeights("class_weights", cfg.Weight, x); err != nil {
		return fail("bce", err.Error(), x)
	}
	if weight == nil {
		weight = numbers(x, cfg.Weight)
	} else if !stretches(weight, x) {
		return fail("bce", fmt.Sprintf("wants a weight that stretches to %v", x.Type()), x, weight)
	}
	losses := ops.BCE(x, target)
	if weight != nil {
		losses = ops.Mul(losses, weight)
	}
	return losses
}

// Target is Numbers.
func (BCEConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg BCEConfig) Validate() error {
	return errors.Join(validateWeights("class_weights", cfg.Weight), cfg.Reduction.validate())
}
