package loss

import (
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// KLDivConfig describes a Kullback-Leibler divergence.
type KLDivConfig struct {
	LogTarget bool           `json:"log_target" yaml:"log_target"` // the target is the logarithm of probabilities, too
	Reduction BatchReduction `json:"reduction" yaml:"reduction"`   // batchmean gives the divergence itself, mean divides that by the classes besides
}

// KLDiv is the divergence of predictions from targets, in nats, a mean over the
// examples: KLDivConfig{Reduction: BatchMean}.Apply(x, target).
func KLDiv(x, target *ir.Value) *ir.Value {
	return KLDivConfig{Reduction: BatchMean}.Apply(x, target)
}

// Apply gives, for each element with the logarithm x of a probability and the
// probability t,
//
//	loss = t (log t - x)        0 where t is 0
//	loss = e^t (t - x)          with LogTarget, where t is the logarithm
//
// reduced; both have one type. Its sum over the classes of an example is the
// divergence KL(t || e^x). The mean divides by the number of elements, batchmean
// by the length of axis 0.
//
// Source: torch.nn.functional.kl_div.
func (cfg KLDivConfig) Apply(x, target *ir.Value) *ir.Value {
	losses := cfg.each(x, target)
	if cfg.Reduction == BatchMean && losses.Graph().Err() == nil {
		if losses.Rank() == 0 {
			return losses
		}
		return ops.Div(ops.Sum(losses), ops.Scalar(losses, float64(losses.Dim(0))))
	}
	return Reduction(cfg.Reduction).apply("kl_div", losses)
}

// Terms is the sum over all elements, and their number, or that of examples
// where the reduction is batchmean.
func (cfg KLDivConfig) Terms(x, target, weight *ir.Value) Terms {
	losses := cfg.each(x, target)
	if cfg.Reduction == BatchMean && losses.Graph().Err() == nil && losses.Rank() > 1 {
		losses = ops.Sum(ops.Flatten(losses, 1), 1) // [B]
	}
	return elementTerms("kl_div", losses, weight)
}

func (cfg KLDivConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("kl_div", cfg, x, target) {
		return x
	}
	if cfg.LogTarget {
		return ops.Mul(ops.Exp(target), ops.Sub(target, x))
	}
	none := ops.Eq(target, ops.Scalar(target, 0))
	t := ops.Select(none, ops.OnesLike(target), target)
	return ops.Sub(ops.Select(none, ops.ZerosLike(t), ops.Mul(t, ops.Log(t))), ops.Mul(target, x))
}

// Target is Numbers.
func (KLDivConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg KLDivConfig) Validate() error { return cfg.Reduction.validate() }

// A BatchReduction is a Reduction, or the mean over examples of the sum of each:
// of a loss whose sum over the elements of an example means something.
type BatchReduction uint8

// BatchMean divides the sum by the length of axis 0.
const BatchMean = BatchReduction(None + 1)

// String is "batchmean", or what a Reduction is.
func (r BatchReduction) String() string {
	if r == BatchMean {
		return "batchmean"
	}
	return Reduction(r).String()
}

// MarshalText writes the name.
func (r BatchReduction) MarshalText() ([]byte, error) {
	if r == BatchMean {
		return []byte(r.String()), nil
	}
	return Reduction(r).MarshalText()
}

// UnmarshalText reads the name.
func (r *BatchReduction) UnmarshalText(text []byte) error {
	if string(text) == BatchMean.String() {
		*r = BatchMean
		return nil
	}
	return (*Reduction)(r).UnmarshalText(text)
}

// Values lists the reductions.
func (BatchReduction) Values() []string { return append(slices.Clone(reductions[:]), "batchmean") }

func (r BatchReduction) validate() error {
	if r == BatchMean {
		return nil
	}
	return Reduction(r).validate()
}
