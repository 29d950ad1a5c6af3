package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// CircleConfig describes a loss of distances between classes that weighs each pair by how far it is from its aim.
type CircleConfig struct {
	Gamma     float64   `json:"gamma" yaml:"gamma"`   // scale of the weighed distances, above 0
	Margin    float64   `json:"margin" yaml:"margin"` // how far from its best a pair may be, 0..1
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultCircle takes the mean.
func DefaultCircle() CircleConfig { return CircleConfig{Gamma: 80, Margin: 0.4} }

// Circle is the mean circle loss: DefaultCircle().Apply(x, labels).
func Circle(x, labels *ir.Value) *ir.Value { return DefaultCircle().Apply(x, labels) }

// Apply gives, for each example i with a vector x[i] of length 1,
//
//	loss[i] = log(1 + sum over p of e^(-Gamma (m + d)+ (m - d)) sum over n of e^(Gamma (1 + m - d)+ (1 - m - d)))
//	d       = max(1 - x[i] x[j], 0),  m = Margin,  (a)+ = max(a, 0)
//
// reduced; p are the others with its label, n those with other labels, and a loss is
// 0 where there is no p or no n. The mean is of the examples that have both. x is
// [B D], labels of an integer type are [B], and so is the result without reduction.
//
// Source: Sun and others, "Circle loss" (2020), equation 6; keras.losses.Circle of
// Keras 3.15.
func (cfg CircleConfig) Apply(x, labels *ir.Value) *ir.Value {
	losses, counts := cfg.each(x, labels)
	if cfg.Reduction == Mean {
		return ops.Div(ops.Sum(losses), ops.Sum(counts))
	}
	return cfg.Reduction.apply("circle", losses)
}

// Terms is the sum over the examples, and the number of those with both.
func (cfg CircleConfig) Terms(x, labels, weight *ir.Value) Terms {
	losses, counts := cfg.each(x, labels)
	return countedTerms("circle", losses, counts, weight)
}

func (cfg CircleConfig) each(x, labels *ir.Value) (losses, counts *ir.Value) {
	x = wide(x)
	if !groups("circle", cfg, 2, x, labels) {
		return x, x
	}
	if x.Dim(0) == 0 {
		return ops.Sum(x, 1), ops.Sum(x, 1)
	}
	number := func(v float64) *ir.Value { return ops.Scalar(x, v) }
	d := hinge(ops.Sub(number(1), products(x, x))) // [B B]
	same := ops.Eq(ops.Unsqueeze(labels, 1), ops.Unsqueeze(labels, 0))
	near, far := ops.And(same, ops.Not(own(x.Graph(), x.Dim(0)))), ops.Not(same)
	m := cfg.Margin
	pull := ops.Mul(hinge(ops.Add(d, number(m))), ops.Sub(d, number(m)))
	push := ops.Mul(hinge(ops.Sub(number(1+m), d)), ops.Sub(number(1-m), d))
	z := ops.Add(along(ops.Mul(pull, number(cfg.Gamma)), near), along(ops.Mul(push, number(cfg.Gamma)), far))
	both := ops.And(ops.Any(near, 1), ops.Any(far, 1))
	// Where there is not both, z is far below all numbers, and the loss 0.
	return ops.Softplus(z, 1, 40), ops.Cast(both, x.DType())
}

// Target is Groups.
func (CircleConfig) Target() Target { return Groups }

// Validate tells all that is wrong.
func (cfg CircleConfig) Validate() error {
	return errors.Join(positive("gamma", cfg.Gamma), share("margin", cfg.Margin), cfg.Reduction.validate())
}
