package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// GeneralizedCrossEntropyConfig describes a cross-entropy that wrong labels harm less.
type GeneralizedCrossEntropyConfig struct {
	Q          float64   `json:"q" yaml:"q"`                     // 0 to 1, both excluded: near 0 the cross-entropy, near 1 an absolute error
	FromLogits bool      `json:"from_logits" yaml:"from_logits"` // x are logits, else probabilities
	Reduction  Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultGeneralizedCrossEntropy takes the mean, of logits.
func DefaultGeneralizedCrossEntropy() GeneralizedCrossEntropyConfig {
	return GeneralizedCrossEntropyConfig{Q: 0.5, FromLogits: true}
}

// GeneralizedCrossEntropy is the mean generalized cross-entropy: DefaultGeneralizedCrossEntropy().Apply(x, target).
func GeneralizedCrossEntropy(x, target *ir.Value) *ir.Value {
	return DefaultGeneralizedCrossEntropy().Apply(x, target)
}

// Apply gives, for each position with probabilities p and target t over C classes,
//
//	loss = (1 - (sum over c of t[c] p[c])^Q) / Q
//
// reduced; t is 1 at a label and 0 elsewhere. p is the softmax of x where x are
// logits. Classes lie along axis 1: x is [B C] or [B C ...]. The target is labels of an
// integer type, [B] or [B ...], or numbers of the type of x. Without reduction the
// result is [B] or [B ...]. A label that is no class gives NaN.
//
// Source: Zhang, Sabuncu, "Generalized cross entropy loss for training deep neural
// networks with noisy labels" (2018), equation 6;
// keras.losses.CategoricalGeneralizedCrossEntropy of Keras 3.15, which takes
// probabilities, with classes along the last axis.
func (cfg GeneralizedCrossEntropyConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("generalized_cross_entropy", cfg.each(x, target))
}

// Terms is the sum over positions, and their number.
func (cfg GeneralizedCrossEntropyConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("generalized_cross_entropy", cfg.each(x, target), weight)
}

func (cfg GeneralizedCrossEntropyConfig) each(x, target *ir.Value) *ir.Value {
	x, p, dims, ok := classRows("generalized_cross_entropy", cfg, x, target)
	if !ok {
		return x
	}
	if cfg.FromLogits {
		x = ops.Softmax(x, 1)
	}
	own := ops.Sum(ops.Mul(p, x), 1)
	q := ops.Scalar(own, cfg.Q)
	return ops.Reshape(ops.Div(ops.Sub(ops.Scalar(own, 1), ops.Pow(own, q)), q), dims...)
}

// Target is Either.
func (GeneralizedCrossEntropyConfig) Target() Target { return Either }

// Validate tells all that is wrong.
func (cfg GeneralizedCrossEntropyConfig) Validate() error {
	return errors.Join(between("q", cfg.Q), cfg.Reduction.validate())
}
