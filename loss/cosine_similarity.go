package loss

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// CosineSimilarityConfig describes a loss of directions.
type CosineSimilarityConfig struct {
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// CosineSimilarity is the mean of minus the cosine between vectors: CosineSimilarityConfig{}.Apply(x, target).
func CosineSimilarity(x, target *ir.Value) *ir.Value {
	return CosineSimilarityConfig{}.Apply(x, target)
}

// Apply gives, for vectors along the last axis,
//
//	loss = -sum(x t) / (|x| |t|)
//
// reduced: -1 for one direction, 1 for opposite ones. Both have one type, [B ... D];
// without reduction the result is [B ...]. The squares of the lengths are at least
// 1e-14, so that a vector of zeros has loss 0.
//
// Source: keras.losses.CosineSimilarity of Keras 3.15.
func (cfg CosineSimilarityConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("cosine_similarity", cfg.each(x, target))
}

// Terms is the sum over all vectors, and their number.
func (cfg CosineSimilarityConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("cosine_similarity", cfg.each(x, target), weight)
}

func (cfg CosineSimilarityConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("cosine_similarity", cfg, x, target) {
		return x
	}
	if err := checkVectors(x); err != nil {
		return fail("cosine_similarity", err.Error(), x, target)
	}
	return ops.Neg(ops.Sum(ops.Mul(unit(x), unit(target)), -1))
}

// Target is Numbers.
func (CosineSimilarityConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg CosineSimilarityConfig) Validate() error {
	return cfg.Reduction.validate()
}
