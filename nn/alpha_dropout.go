package nn

import (
	"errors"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// AlphaDropout sets each element to -1.7581, which is where [SELU] ends below,
// with probability P, and then scales and moves all so that mean 0 and variance
// 1 stay what they are; in training mode alone. With s = 1.7581,
//
//	y = a x + a s P      of what is kept
//	y = a s (P - 1)      of what is dropped,   a = 1/sqrt((1-P) (1 + P s^2))
//
// and with P = 1 all is 0. The mask is drawn as that of [Dropout].
//
// Source: Klambauer and others, "Self-normalizing neural networks" (2017);
// torch.nn.AlphaDropout.
type AlphaDropout struct{ P float64 }

// FeatureAlphaDropout is [AlphaDropout] of whole channels of single examples.
// x [B C ...], y the same.
//
// Source: torch.nn.FeatureAlphaDropout.
type FeatureAlphaDropout struct{ P float64 }

// NewAlphaDropout drops with probability p, from 0 to 1.
func NewAlphaDropout(p float64) *AlphaDropout { return &AlphaDropout{p} }

// NewFeatureAlphaDropout drops with probability p, from 0 to 1.
func NewFeatureAlphaDropout(p float64) *FeatureAlphaDropout { return &FeatureAlphaDropout{p} }

// Forward drops elements of x, of any shape.
func (l *AlphaDropout) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if stays(c, "alpha_dropout", l.P, x) {
		return x
	}
	return saturate(c, x, l.P, x.Shape())
}

// Forward drops channels of x [B C ...].
func (l *FeatureAlphaDropout) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if stays(c, "feature_alpha_dropout", l.P, x) {
		return x
	}
	if x.Rank() < 2 {
		return refuse(c, "feature_alpha_dropout", errors.New("wants an operand [B C ...]"), x)
	}
	return saturate(c, x, l.P, shape.Of(x.Dim(0), x.Dim(1)))
}

// saturate is alpha dropout with a mask over the first axes of x.
func saturate(c *Ctx, x *ir.Value, p float64, mask shape.Shape) *ir.Value {
	if p == 1 {
		return ops.ZerosLike(x)
	}
	const s = 1.7580993408473766
	a := 1 / math.Sqrt((1-p)*(1+p*s*s))
	kept := ops.Gt(keep(c, x, p, mask), ops.ZerosLike(x))
	moved := ops.Add(ops.Mul(x, ops.Scalar(x, a)), ops.Scalar(x, a*s*p))
	return ops.Select(kept, moved, ops.Scalar(x, a*s*(p-1)))
}
