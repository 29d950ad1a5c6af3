package loss

import (
	"errors"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// PoissonNLLConfig describes a negative log-likelihood of counts.
type PoissonNLLConfig struct {
	LogInput  bool      `json:"log_input" yaml:"log_input"` // the prediction is the logarithm of the rate
	Full      bool      `json:"full" yaml:"full"`           // with Stirling's approximation of the term that depends on the target alone
	Eps       float64   `json:"eps" yaml:"eps"`             // added to a rate before its logarithm, above 0
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultPoissonNLL takes the mean, of predictions that are logarithms.
func DefaultPoissonNLL() PoissonNLLConfig { return PoissonNLLConfig{LogInput: true, Eps: 1e-8} }

// PoissonNLL is the mean negative log-likelihood of counts, in nats:
// DefaultPoissonNLL().Apply(x, target).
func PoissonNLL(x, target *ir.Value) *ir.Value { return DefaultPoissonNLL().Apply(x, target) }

// Apply gives, for each element with prediction x and count t,
//
//	loss = e^x - t x              with LogInput
//	loss = x - t log(x + Eps)     without
//
// reduced; x and target have one type. Full adds, where t > 1,
//
//	t log t - t + log(2 pi t) / 2
//
// Source: torch.nn.functional.poisson_nll_loss.
func (cfg PoissonNLLConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("poisson_nll", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg PoissonNLLConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("poisson_nll", cfg.each(x, target), weight)
}

func (cfg PoissonNLLConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("poisson_nll", cfg, x, target) {
		return x
	}
	losses := ops.Sub(ops.Exp(x), ops.Mul(target, x))
	if !cfg.LogInput {
		losses = ops.Sub(x, ops.Mul(target, ops.Log(ops.Add(x, ops.Scalar(x, cfg.Eps)))))
	}
	if !cfg.Full {
		return losses
	}
	small := ops.Le(target, ops.Scalar(target, 1))
	t := ops.Select(small, ops.OnesLike(target), target) // keeps the logarithm of 0 out of the gradient
	half := ops.Mul(ops.Log(ops.Mul(t, ops.Scalar(t, 2*math.Pi))), ops.Scalar(t, 0.5))
	stirling := ops.Add(ops.Sub(ops.Mul(t, ops.Log(t)), t), half)
	return ops.Add(losses, ops.Select(small, ops.ZerosLike(t), stirling))
}

// Target is Numbers.
func (PoissonNLLConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg PoissonNLLConfig) Validate() error {
	return errors.Join(positive("eps", cfg.Eps), cfg.Reduction.validate())
}
