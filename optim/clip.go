package optim

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Norm is the common norm of gradients, a scalar of the type of the first:
//
//	sqrt(sum of g^2 over all elements of all gradients)
//
// A NaN or infinite element makes it so, and so do finite ones of float32 that
// are larger than about 1e19: a norm that is finite tells that all gradients are.
// Of no gradient there is no norm: nil.
func Norm(grads []*ir.Value) *ir.Value { return normOf(grads, 2) }

// normOf is the p-th root of the sum of |g|^p.
func normOf(grads []*ir.Value, p float64) (norm *ir.Value) {
	if len(grads) == 0 {
		return nil
	}
	add := func(part *ir.Value) {
		part = ops.Cast(part, grads[0].DType())
		switch {
		case norm == nil:
			norm = part
		case math.IsInf(p, 1):
			norm = ops.Maximum(norm, part)
		default:
			norm = ops.Add(norm, part)
		}
	}
	if p == 2 {
		for _, same := range byType(grads) {
			add(ops.SumSquares(same...))
		}
		return ops.Sqrt(norm)
	}
	for _, x := range grads {
		add(powers(x, p))
	}
	if p != 1 && !math.IsInf(p, 1) {
		norm = ops.Pow(norm, ops.Scalar(norm, 1/p))
	}
	return norm
}

// byType groups values of one element type.
func byType(vs []*ir.Value) (groups [][]*ir.Value) {
	for _, v := range vs {
		i := slices.IndexFunc(groups, func(g []*ir.Value) bool { return g[0].DType() == v.DType() })
		if i < 0 {
			i = len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], v)
	}
	return groups
}

// ClipNorm scales gradients down together so that their common norm is at most
// about maxNorm:
//
//	norm = Norm(grads)
//	g    = g * min(1, maxNorm/(norm + 1e-6))
//
// It returns the scaled gradients and the norm before. A NaN or infinite norm
// makes the gradients NaN, or 0 where an infinite norm divides.
//
// Source: torch.nn.utils.clip_grad_norm_.
func ClipNorm(grads []*ir.Value, maxNorm float64) (clipped []*ir.Value, norm *ir.Value) {
	return ClipNormOf(grads, maxNorm, 2)
}

// ClipNormOf is ClipNorm for the p-norm, the p-th root of the sum of |g|^p. An
// infinite p takes the largest |g|.
func ClipNormOf(grads []*ir.Value, maxNorm, p float64) (clipped []*ir.Value, norm *ir.Value) {
	if len(grads) == 0 {
		return nil, nil
	}
	g := grads[0].Graph()
	if !(maxNorm >= 0) || !(p > 0) {
		g.Fail("clip_norm", fmt.Sprintf("wants a maximum of at least 0 and a norm above 0, got %v and %v", maxNorm, p), nil)
	}
	if g.Err() != nil {
		return grads, grads[0]
	}
	norm = normOf(grads, p)
	return ClipTo(grads, norm, maxNorm), norm
}

// ClipTo is the second half of ClipNorm: it scales gradients whose norm is known.
func ClipTo(grads []*ir.Value, norm *ir.Value, maxNorm float64) []*ir.Value {
	if len(grads) == 0 {
		return nil
	}
	factor := ops.Div(ops.Scalar(norm, maxNorm), ops.Add(norm, ops.Scalar(norm, 1e-6)))
	factor = ops.Minimum(factor, ops.Scalar(norm, 1))
	clipped := make([]*ir.Value, len(grads))
	for i, x := range grads {
		clipped[i] = ops.Mul(x, ops.Cast(factor, x.DType()))
	}
	return clipped
}

// powers is the sum of |x|^p over all elements, or the largest |x|.
func powers(x *ir.Value, p float64) *ir.Value {
	switch {
	case p == 1:
		return ops.Sum(ops.Abs(x))
	case math.IsInf(p, 1):
		return ops.Maximum(ops.Amax(ops.Abs(x)), ops.Scalar(x, 0)) // 0 where there is no element
	}
	return ops.Sum(ops.Pow(ops.Abs(x), ops.Scalar(x, p)))
}

// ClipValue limits every element of the gradients to -limit..limit. NaN stays.
//
// Source: torch.nn.utils.clip_grad_value_.
func ClipValue(grads []*ir.Value, limit float64) []*ir.Value {
	clipped := make([]*ir.Value, len(grads))
	for i, x := range grads {
		if !(limit >= 0) {
			x.Graph().Fail("clip_value", fmt.Sprintf("wants a limit of at least 0, got %v", limit), nil)
		}
		clipped[i] = ops.Maximum(ops.Minimum(x, ops.Scalar(x, limit)), ops.Scalar(x, -limit))
	}
	return clipped
}
