package nn

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// CosineSimilarity compares vectors along an axis by the cosine of their angle:
//
//	y = sum(a b) / (max(|a|, Eps) max(|b|, Eps))
//
// a and b have one shape; y lacks the axis. Gradients are those without Eps, as
// PyTorch's, with lengths that are at least Eps.
//
// Source: torch.nn.CosineSimilarity (2.15).
type CosineSimilarity struct {
	Axis int // a negative one counts from the end
	Eps  float64
}

// NewCosineSimilarity has PyTorch's axis 1 and eps 1e-8.
func NewCosineSimilarity() *CosineSimilarity { return &CosineSimilarity{Axis: 1, Eps: 1e-8} }

// Compare gives the cosines.
func (l *CosineSimilarity) Compare(c *Ctx, a, b *ir.Value) *ir.Value {
	defer c.Enter(l)()
	axis, err := compared(c, a, b, l.Axis)
	if err != nil || c.Graph().Err() != nil {
		return refuseIf(c, "cosine_similarity", err, a)
	}
	length := func(x *ir.Value) *ir.Value {
		n := ops.VectorNorm(x, 2, axis)
		return ops.Add(n, ops.StopGradient(ops.Sub(ops.Maximum(n, ops.Scalar(n, l.Eps)), n)))
	}
	return ops.Div(ops.Sum(ops.Mul(a, b), axis), ops.Mul(length(a), length(b)))
}

// PairwiseDistance is the norm of a difference along the last axis:
//
//	y = (sum |a - b + Eps|^P)^(1/P)
//
// a and b have one shape; y lacks the axis, or has it with extent 1.
//
// Source: torch.nn.PairwiseDistance (2.15).
type PairwiseDistance struct {
	P       float64
	Eps     float64
	Keepdim bool
}

// NewPairwiseDistance is Euclidean, with PyTorch's eps 1e-6.
func NewPairwiseDistance() *PairwiseDistance { return &PairwiseDistance{P: 2, Eps: 1e-6} }

// Compare gives the distances.
func (l *PairwiseDistance) Compare(c *Ctx, a, b *ir.Value) *ir.Value {
	defer c.Enter(l)()
	axis, err := compared(c, a, b, -1)
	if err != nil || c.Graph().Err() != nil {
		return refuseIf(c, "pairwise_distance", err, a)
	}
	d := ops.Sub(a, b)
	d = ops.Add(d, ops.Scalar(d, l.Eps))
	y := ops.VectorNorm(d, l.P, axis)
	if l.Keepdim {
		return ops.Unsqueeze(y, -1)
	}
	return y
}

// compared finds the axis along which two values of one shape are compared.
func compared(c *Ctx, a, b *ir.Value, axis int) (int, error) {
	if c.Graph().Err() != nil {
		return 0, nil
	}
	if a.Type() != b.Type() {
		return 0, fmt.Errorf("wants two of one type, got %v and %v", a.Type(), b.Type())
	}
	return a.Shape().Axis(axis)
}
