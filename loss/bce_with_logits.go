package loss

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// BCEWithLogitsConfig describes a binary cross-entropy.
type BCEWithLogitsConfig struct {
	Weight    []float64 `json:"class_weights" yaml:"class_weights"` // factor of each element of the last axis, or one for all; none for ones
	PosWeight []float64 `json:"pos_weight" yaml:"pos_weight"`       // factor of the part of target 1, in the same way
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// BCEWithLogits is the mean binary cross-entropy between the sigmoid of x and
// targets in 0..1, in nats; both have one type.
func BCEWithLogits(x, target *ir.Value) *ir.Value {
	return BCEWithLogitsConfig{}.Apply(x, target, nil)
}

// Apply gives, for each element with logit x and target t,
//
//	loss = -weight * (PosWeight * t * log sigmoid(x) + (1-t) * log(1 - sigmoid(x)))
//
// reduced, without overflow for any finite x. The weight has the element type of
// x and a shape that stretches to that of x; nil takes that of the config. The
// mean divides by the number of elements, whatever the weights.
//
// Source: torch.nn.functional.binary_cross_entropy_with_logits.
func (cfg BCEWithLogitsConfig) Apply(x, target, weight *ir.Value) *ir.Value {
	const name = "bce_with_logits"
	x, target, weight = wide(x), wide(target), wide(weight)
	if !alike(name, x, target) {
		return x
	}
	if err := cfg.check(x); err != nil {
		return fail(name, err.Error(), x)
	}
	if weight == nil {
		weight = numbers(x, cfg.Weight)
	} else if !stretches(weight, x) {
		return fail(name, fmt.Sprintf("wants a weight that stretches to %v", x.Type()), x, weight)
	}
	one := ops.Scalar(x, 1)
	positive := ops.LogSigmoid(x) // log(1 - sigmoid(x)) = log sigmoid(x) - x
	if posWeight := numbers(x, cfg.PosWeight); posWeight != nil {
		positive = ops.Mul(positive, ops.Add(ops.Mul(ops.Sub(posWeight, one), target), one))
	}
	losses := ops.Sub(ops.Mul(ops.Sub(one, target), x), positive)
	if weight != nil {
		losses = ops.Mul(losses, weight)
	}
	return cfg.Reduction.apply(name, losses)
}

// Terms is the sum over all elements, and their number.
func (cfg BCEWithLogitsConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("bce_with_logits", cfg.each().Apply(x, target, nil), weight)
}

func (cfg BCEWithLogitsConfig) each() BCEWithLogitsConfig {
	cfg.Reduction = None
	return cfg
}

func (cfg BCEWithLogitsConfig) check(x *ir.Value) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	return errors.Join(checkLastWeights("class_weights", cfg.Weight, x), checkLastWeights("pos_weight", cfg.PosWeight, x))
}

// Target is Numbers.
func (BCEWithLogitsConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg BCEWithLogitsConfig) Validate() error {
	return errors.Join(validateWeights("class_weights", cfg.Weight), validateWeights("pos_weight", cfg.PosWeight), cfg.Reduction.validate())
}
