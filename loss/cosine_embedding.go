package loss

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// CosineEmbeddingConfig describes a loss of the angle between two vectors.
type CosineEmbeddingConfig struct {
	Margin    float64   `json:"margin" yaml:"margin"` // cosine below which unlike vectors cost nothing, -1..1
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// CosineEmbedding is the mean loss of the angles between two vectors, with a
// margin of 0.
func CosineEmbedding(x1, x2, target *ir.Value) *ir.Value {
	return CosineEmbeddingConfig{}.Apply(x1, x2, target)
}

// Apply gives, for each pair of vectors,
//
//	loss = 1 - cos(x1, x2)                  where target is 1: of vectors that should be alike
//	loss = max(0, cos(x1, x2) - Margin)     where target is -1
//	cos(x, y) = x.y / sqrt((x.x + 1e-12) (y.y + 1e-12))
//
// and 0 for other targets, reduced. x1 and x2 are [B D] or [B ... D] of one type,
// target is [B] or [B ...] of their element type, and so is the result without
// reduction.
//
// Source: torch.nn.functional.cosine_embedding_loss.
func (cfg CosineEmbeddingConfig) Apply(x1, x2, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("cosine_embedding", cfg.each(x1, x2, target))
}

// Terms takes both vectors from one output, stacked on axis 1: [B 2 D], and a
// target [B] or [B 1]. It is the sum over all pairs, and their number.
func (cfg CosineEmbeddingConfig) Terms(output, target, weight *ir.Value) Terms {
	parts := unstack("cosine_embedding", output, 2)
	if target.Rank() == 2 && output.Rank() == 3 && target.Dim(1) == 1 {
		target = ops.Squeeze(target, 1)
	}
	return elementTerms("cosine_embedding", cfg.each(parts[0], parts[1], target), weight)
}

func (cfg CosineEmbeddingConfig) each(x1, x2, target *ir.Value) *ir.Value {
	const name = "cosine_embedding"
	x1, x2, target = wide(x1), wide(x2), wide(target)
	if !ready(name, cfg, x1, x2) {
		return x1
	}
	if err := checkVectors(x1); err != nil {
		return fail(name, err.Error(), x1, x2)
	}
	cos := cosine(x1, x2)
	if target.Type() != cos.Type() {
		return fail(name, fmt.Sprintf("wants a target %v for these vectors", cos.Type()), x1, x2, target)
	}
	one, zero := ops.Scalar(cos, 1), ops.ZerosLike(cos)
	like := ops.Select(ops.Eq(target, one), ops.Sub(one, cos), zero)
	unlike := hinge(ops.Sub(cos, ops.Scalar(cos, cfg.Margin)))
	return ops.Add(like, ops.Select(ops.Eq(target, ops.Scalar(cos, -1)), unlike, zero))
}

// cosine is that of the angle between vectors along the last axis.
func cosine(x, y *ir.Value) *ir.Value {
	const eps = float64(float32(1e-12)) // of float32, as in PyTorch
	length := func(x *ir.Value) *ir.Value {
		return ops.Sqrt(ops.Add(ops.Sum(ops.Mul(x, x), -1), ops.Scalar(x, eps)))
	}
	return ops.Div(ops.Sum(ops.Mul(x, y), -1), ops.Mul(length(x), length(y)))
}

// Target is Relation.
func (CosineEmbeddingConfig) Target() Target { return Relation }

// Validate tells all that is wrong.
func (cfg CosineEmbeddingConfig) Validate() error {
	var err error
	if m := cfg.Margin; !(m >= -1 && m <= 1) {
		err = fmt.Errorf("loss: margin is %v, want a cosine in -1..1", m)
	}
	return errors.Join(err, cfg.Reduction.validate())
}
