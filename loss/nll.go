package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// NLLConfig describes a negative log-likelihood.
type NLLConfig struct {
	IgnoreIndex int64     `json:"ignore_index" yaml:"ignore_index"`   // label of positions that do not count
	Weight      []float64 `json:"class_weights" yaml:"class_weights"` // factor of each class; none for ones
	Reduction   Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultNLL takes the mean; label -100 is ignored.
func DefaultNLL() NLLConfig { return NLLConfig{IgnoreIndex: -100} }

// NLL is the mean negative log-likelihood of labels, in nats:
// DefaultNLL().Apply(x, labels).
func NLL(x, labels *ir.Value) *ir.Value { return DefaultNLL().Apply(x, labels) }

// Apply gives, for each position n with the logarithms x of the probabilities
// of C classes,
//
//	loss[n] = -Weight[label[n]] x[n, label[n]]
//
// reduced. x is [B C] or [B C ...], as a log-softmax along axis 1 gives it, and
// labels of an integer type are [B] or [B ...]; without reduction the result is
// so too. The positions of label IgnoreIndex have loss 0, and the mean divides
// by the sum of Weight[label] over the others; NaN where that is 0. A label that
// is neither a class nor IgnoreIndex gives NaN, or is an error where it is an
// argument of an exec.Func.
//
// Source: torch.nn.functional.nll_loss; torch.nn.NLLLoss2d is the one with
// labels [B Y X].
func (cfg NLLConfig) Apply(x, labels *ir.Value) *ir.Value {
	losses, counts := cfg.each(x, labels)
	if cfg.Reduction == Mean {
		return ops.Div(ops.Sum(losses), ops.Sum(counts))
	}
	return cfg.Reduction.apply("nll", losses)
}

// Terms is the sum over positions and the sum of their weights.
func (cfg NLLConfig) Terms(x, labels, weight *ir.Value) Terms {
	losses, counts := cfg.each(x, labels)
	return countedTerms("nll", losses, counts, weight)
}

func (cfg NLLConfig) each(x, labels *ir.Value) (losses, counts *ir.Value) {
	x = wide(x)
	if !valid("nll", cfg, x, labels) {
		return x, x
	}
	if err := errors.Join(checkLabels(x, labels), checkClassWeights(cfg.Weight, x)); err != nil {
		v := fail("nll", err.Error(), x, labels)
		return v, v
	}
	bound("nll", x, labels, cfg.IgnoreIndex)
	known, counts, skip := weigh(x, labels, cfg.Weight, cfg.IgnoreIndex)
	picked := ops.Squeeze(ops.Gather(x, ops.Unsqueeze(known, 1), 1), 1) // [B ...]
	return ops.Select(skip, ops.ZerosLike(picked), ops.Neg(ops.Mul(picked, counts))), counts
}

// Target is Labels.
func (NLLConfig) Target() Target { return Labels }

// Validate tells all that is wrong.
func (cfg NLLConfig) Validate() error {
	return errors.Join(validateWeights("class_weights", cfg.Weight), cfg.Reduction.validate())
}
