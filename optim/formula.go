package optim

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// Parts of formulas that rules share. Scalars are computed once for all the
// parameters of a group, in float64.

// plus is x + k*y; x itself where k is 0.
func plus(x *ir.Value, k float64, y *ir.Value) *ir.Value {
	if k == 0 {
		return x
	}
	return ops.Add(x, scale(y, k))
}

// towards is the mean of recent values: old + rest*(x-old).
func towards(old, x *ir.Value, rest float64) *ir.Value {
	return ops.Add(old, scale(ops.Sub(x, old), rest))
}

// squares is the mean of recent squares: beta*old + (1-beta)*x^2.
func squares(old, x *ir.Value, beta float64) *ir.Value {
	return ops.Add(scale(old, beta), scale(ops.Mul(x, x), 1-beta))
}

// scale is x * k; x itself where k is 1.
func scale(x *ir.Value, k float64) *ir.Value {
	if k == 1 {
		return x
	}
	return ops.Mul(x, ops.Scalar(x, k))
}

// correction is 1 - beta^t in step t, as float64: what a mean of beta that starts
// from 0 has of the values so far.
func (s *Step) correction(beta float64) *ir.Value {
	t := s.Count()
	return ops.Sub(ops.Scalar(t, 1), ops.Pow(ops.Scalar(t, beta), t))
}

// rate is the learning rate in float64.
func (s *Step) rate() *ir.Value { return ops.Cast(s.LR, dtype.Float64) }

// first tells whether this is the first step.
func (s *Step) first() *ir.Value {
	t := s.Count()
	return ops.Eq(t, ops.Scalar(t, 1))
}

// keep is 1 - lr*decay, what a decay apart from the gradient leaves of a
// parameter.
func (s *Step) keep(decay float64) *ir.Value {
	lr := s.rate()
	return s.scalar(ops.Sub(ops.Scalar(lr, 1), scale(lr, decay)))
}

// decayed returns how weight decay acts on a parameter and its gradient: as part
// of the gradient, or apart from it by a factor for the parameter.
func (s *Step) decayed(decay float64, apart bool) func(p, g *ir.Value) (*ir.Value, *ir.Value) {
	if decay == 0 {
		return func(p, g *ir.Value) (*ir.Value, *ir.Value) { return p, g }
	}
	if !apart {
		return func(p, g *ir.Value) (*ir.Value, *ir.Value) { return p, plus(g, decay, p) }
	}
	keep := s.keep(decay)
	return func(p, g *ir.Value) (*ir.Value, *ir.Value) { return ops.Mul(p, keep), g }
}

// filled is an initial value of one number.
func filled(v float64) module.Init {
	return func(_ *rng.Stream, t *tensor.Tensor) {
		for i := range t.Size() {
			t.SetFloat(i, v)
		}
	}
}
