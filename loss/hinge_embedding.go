package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// HingeEmbeddingConfig describes a loss of distances.
type HingeEmbeddingConfig struct {
	Margin    float64   `json:"margin" yaml:"margin"` // distance from which on unlike things cost nothing
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultHingeEmbedding takes the mean, with a margin of 1.
func DefaultHingeEmbedding() HingeEmbeddingConfig { return HingeEmbeddingConfig{Margin: 1} }

// HingeEmbedding is the mean loss of distances:
// DefaultHingeEmbedding().Apply(x, target).
func HingeEmbedding(x, target *ir.Value) *ir.Value { return DefaultHingeEmbedding().Apply(x, target) }

// Apply gives, for each distance x,
//
//	loss = x                     where target is 1: of two things that are alike
//	loss = max(0, Margin - x)    where target is -1
//
// reduced; both have one type. Where target is neither, the loss is the sum of
// both, as in PyTorch.
//
// Source: torch.nn.functional.hinge_embedding_loss.
func (cfg HingeEmbeddingConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("hinge_embedding", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg HingeEmbeddingConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("hinge_embedding", cfg.each(x, target), weight)
}

func (cfg HingeEmbeddingConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("hinge_embedding", cfg, x, target) {
		return x
	}
	zero := ops.ZerosLike(x)
	near := ops.Select(ops.Eq(target, ops.Scalar(x, -1)), zero, x)
	far := ops.Select(ops.Eq(target, ops.Scalar(x, 1)), zero, hinge(ops.Sub(ops.Scalar(x, cfg.Margin), x)))
	return ops.Add(near, far)
}

// Target is Numbers.
func (HingeEmbeddingConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg HingeEmbeddingConfig) Validate() error {
	return errors.Join(finite("margin", cfg.Margin), cfg.Reduction.validate())
}
