package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// LAMB is [AdamW] whose step on a parameter is as long, against the parameter,
// as the rate says: for large batches. For parameter p with gradient g, in step
// t = 1, 2, ...:
//
//	g = g / max(1, norm of all gradients / MaxGradNorm)
//	m = Beta1*m + (1-Beta1)*g
//	v = Beta2*v + (1-Beta2)*g^2
//	u = (m/(1-Beta1^t)) / (sqrt(v/(1-Beta2^t)) + Eps) + WeightDecay*p
//	p = p - lr * |p|/|u| * u
//
// |x| is the root of the sum of squares; the ratio is 1 where either is 0, and
// without decay, unless AlwaysAdapt is set.
//
// Source: You and others, "Large batch optimization for deep learning" (2019),
// algorithm 2; timm.optim.Lamb (1.0.31) without its options caution and
// corrected_weight_decay. ExcludeVectors is what recipes do by groups.
type LAMB struct {
	Common
	Beta1          float64  `json:"beta1" yaml:"beta1"`
	Beta2          float64  `json:"beta2" yaml:"beta2"`
	Eps            float64  `json:"eps" yaml:"eps"`
	WeightDecay    float64  `json:"weight_decay" yaml:"weight_decay"`
	MaxGradNorm    *float64 `json:"max_grad_norm" yaml:"max_grad_norm"`     // null for no limit
	BiasCorrection bool     `json:"bias_correction" yaml:"bias_correction"` // divide m and v by 1-Beta^t
	GradAveraging  bool     `json:"grad_averaging" yaml:"grad_averaging"`   // take (1-Beta1)*g into m, not g
	TrustClip      bool     `json:"trust_clip" yaml:"trust_clip"`           // |p|/|u| is at most 1
	AlwaysAdapt    bool     `json:"always_adapt" yaml:"always_adapt"`       // |p|/|u| counts without decay, too
	DecoupledDecay bool     `json:"decoupled_decay" yaml:"decoupled_decay"` // p shrinks by lr*WeightDecay instead, as in AdamW
	ExcludeVectors bool     `json:"exclude_vectors" yaml:"exclude_vectors"` // parameters of one axis or none, as biases and the gains of norms, have no decay
}

// DefaultLAMB has rate 0.001, betas 0.9 and 0.999, eps 1e-6, decay 0.01 of what
// is no vector, and gradients of norm 1 at most.
func DefaultLAMB() LAMB {
	one := 1.0
	return LAMB{Common: common(1e-3), Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, WeightDecay: 1e-2, MaxGradNorm: &one,
		BiasCorrection: true, GradAveraging: true, ExcludeVectors: true}
}

// Build makes an optimizer of one group.
func (cfg LAMB) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg LAMB) Validate() error {
	c := cfg.check()
	c.below1("beta1", cfg.Beta1)
	c.below1("beta2", cfg.Beta2)
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	if n := cfg.MaxGradNorm; n != nil {
		c.above0("max_grad_norm", *n)
	}
	return c.err()
}

// Slots are exp_avg and exp_avg_sq.
func (LAMB) Slots(ir.Type) []Slot { return []Slot{{Name: "exp_avg"}, {Name: "exp_avg_sq"}} }

// Start builds what is left of the gradients, and the corrections.
func (cfg LAMB) Start(s *Step) Update {
	take := s.constant(1) // what is left of a gradient
	if n := cfg.MaxGradNorm; n != nil {
		norm := s.scalar(s.GradNorm())
		take = ops.Reciprocal(ops.Maximum(ops.Mul(norm, ops.Scalar(norm, 1 / *n)), ops.Scalar(norm, 1)))
	}
	first, root := s.constant(1), s.constant(1)
	if cfg.BiasCorrection {
		first, root = s.scalar(ops.Reciprocal(s.correction(cfg.Beta1))), s.scalar(ops.Rsqrt(s.correction(cfg.Beta2)))
	}
	rest1 := s.constant(1)
	if cfg.GradAveraging {
		rest1 = s.constant(1 - cfg.Beta1)
	}
	beta1, beta2, rest2, eps := s.constant(cfg.Beta1), s.constant(cfg.Beta2), s.constant(1-cfg.Beta2), s.constant(cfg.Eps)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		decay := cfg.WeightDecay
		if cfg.ExcludeVectors && p.Rank() < 2 {
			decay = 0
		}
		g = ops.Mul(take, g)
		m := ops.Add(ops.Mul(beta1, state[0]), ops.Mul(rest1, g))
		v := ops.Add(ops.Mul(beta2, state[1]), ops.Mul(rest2, ops.Mul(g, g)))
		u := ops.Div(ops.Mul(first, m), ops.Add(ops.Mul(root, ops.Sqrt(v)), eps))
		switch {
		case decay != 0 && cfg.DecoupledDecay:
			p = ops.Mul(s.keep(decay), p)
		case decay != 0:
			u = ops.Add(u, ops.Mul(s.constant(decay), p))
		}
		step := s.LR
		if decay != 0 || cfg.AlwaysAdapt {
			ratio := trust(p, u, func(p, u *ir.Value) *ir.Value { return ops.Div(p, u) })
			if cfg.TrustClip {
				ratio = ops.Minimum(ratio, s.constant(1))
			}
			step = ops.Mul(step, ratio)
		}
		return ops.Sub(p, ops.Mul(step, u)), []*ir.Value{m, v}
	}
}

// trust is a ratio of the norms of a parameter and of its step, and 1 where
// either is 0.
func trust(p, u *ir.Value, ratio func(p, u *ir.Value) *ir.Value) *ir.Value {
	p, u = Norm([]*ir.Value{p}), Norm([]*ir.Value{u})
	zero := ops.Scalar(p, 0)
	both := ops.And(ops.Gt(p, zero), ops.Gt(u, zero))
	return ops.Select(both, ratio(p, u), ops.Scalar(p, 1))
}
