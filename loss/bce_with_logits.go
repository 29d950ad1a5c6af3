package loss

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// BCEWithLogitsConfig describes a binary cross-entropy.
type BCEWithLogitsConfig struct {
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// BCEWithLogits is the mean binary cross-entropy between the sigmoid of x and
// targets in 0..1, in nats; both have one type.
func BCEWithLogits(x, target *ir.Value) *ir.Value {
	return BCEWithLogitsConfig{}.Apply(x, target, nil, nil)
}

// Apply gives, for each element with logit x and target t,
//
//	loss = -weight * (posWeight * t * log sigmoid(x) + (1-t) * log(1 - sigmoid(x)))
//
// reduced, without overflow for any finite x. Weight and posWeight have the
// element type of x and shapes that stretch to that of x; nil stands for 1. The
// mean divides by the number of elements, whatever the weights.
//
// Source: torch.nn.functional.binary_cross_entropy_with_logits.
func (cfg BCEWithLogitsConfig) Apply(x, target, weight, posWeight *ir.Value) *ir.Value {
	const name = "bce_with_logits"
	x, target, weight, posWeight = wide(x), wide(target), wide(weight), wide(posWeight)
	if !alike(name, x, target) {
		return x
	}
	for _, w := range []*ir.Value{weight, posWeight} {
		if w == nil {
			continue
		}
		if s, err := shape.Broadcast(w.Shape(), x.Shape()); err != nil || s != x.Shape() || w.DType() != x.DType() {
			return fail(name, fmt.Sprintf("wants weights that stretch to %v", x.Type()), x, w)
		}
	}
	one := ops.Scalar(x, 1)
	positive := ops.LogSigmoid(x) // log(1 - sigmoid(x)) = log sigmoid(x) - x
	if posWeight != nil {
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
	return elementTerms("bce_with_logits", BCEWithLogitsConfig{None}.Apply(x, target, nil, nil), weight)
}

// Validate tells all that is wrong.
func (cfg BCEWithLogitsConfig) Validate() error { return cfg.Reduction.validate() }
