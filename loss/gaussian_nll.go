package loss

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// GaussianNLLConfig describes a negative log-likelihood of numbers with a
// variance.
type GaussianNLLConfig struct {
	Full      bool      `json:"full" yaml:"full"` // with the constant term
	Eps       float64   `json:"eps" yaml:"eps"`   // least variance, above 0
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultGaussianNLL takes the mean, with a variance of at least 1e-6.
func DefaultGaussianNLL() GaussianNLLConfig { return GaussianNLLConfig{Eps: 1e-6} }

// GaussianNLL is the mean negative log-likelihood, in nats:
// DefaultGaussianNLL().Apply(mean, variance, target).
func GaussianNLL(mean, variance, target *ir.Value) *ir.Value {
	return DefaultGaussianNLL().Apply(mean, variance, target)
}

// Apply gives, for each element with mean m, variance v and target t,
//
//	loss = (log v + (t-m)^2 / v) / 2     + log(2 pi) / 2 with Full
//
// reduced. Mean and target have one type; variance has it too, or is 1 long on
// the last axis. A variance below Eps counts as Eps, and has the gradient by
// that; a negative one gives NaN.
//
// Source: torch.nn.functional.gaussian_nll_loss, whose operands are mean, target
// and variance; Nix and Weigend, "Estimating the mean and variance of the target
// probability distribution" (1994).
func (cfg GaussianNLLConfig) Apply(mean, variance, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("gaussian_nll", cfg.each(mean, variance, target))
}

// Terms takes mean and variance from one output, stacked on axis 1: [B 2 ...]
// for targets [B ...]. It is the sum over all elements, and their number.
func (cfg GaussianNLLConfig) Terms(output, target, weight *ir.Value) Terms {
	parts := unstack("gaussian_nll", output, 2)
	return elementTerms("gaussian_nll", cfg.each(parts[0], parts[1], target), weight)
}

func (cfg GaussianNLLConfig) each(mean, variance, target *ir.Value) *ir.Value {
	mean, variance, target = wide(mean), wide(variance), wide(target)
	if !ready("gaussian_nll", cfg, mean, target) {
		return mean
	}
	if variance.Type() != mean.Type() && !isOneOfLast(variance, mean) {
		return fail("gaussian_nll", fmt.Sprintf("wants a variance %v, or with 1 on the last axis", mean.Type()), mean, variance, target)
	}
	zero, eps := ops.Scalar(variance, 0), ops.Scalar(variance, cfg.Eps)
	through := ops.Add(eps, ops.Sub(variance, ops.StopGradient(variance))) // eps, with the gradient of the variance
	v := ops.Select(ops.Lt(variance, eps), through, variance)
	v = ops.Select(ops.Lt(variance, zero), ops.Scalar(variance, math.NaN()), v)
	d := ops.Sub(target, mean)
	losses := ops.Mul(ops.Add(ops.Log(v), ops.Div(ops.Mul(d, d), v)), ops.Scalar(d, 0.5))
	if cfg.Full {
		losses = ops.Add(losses, ops.Scalar(d, 0.5*math.Log(2*math.Pi)))
	}
	return losses
}

// isOneOfLast reports whether v has the type of x, but 1 on the last axis.
func isOneOfLast(v, x *ir.Value) bool {
	r := x.Rank()
	return r > 1 && v.DType() == x.DType() && v.Shape() == x.Shape().With(r-1, 1)
}

// Target is Numbers.
func (GaussianNLLConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg GaussianNLLConfig) Validate() error {
	return errors.Join(positive("eps", cfg.Eps), cfg.Reduction.validate())
}
