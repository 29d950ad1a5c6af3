package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// AsymmetricSingleLabelConfig describes a loss of classes that makes easy ones count less.
type AsymmetricSingleLabelConfig struct {
	GammaNeg       float64   `json:"gamma_neg" yaml:"gamma_neg"`             // power of the classes that are not there, not negative
	GammaPos       float64   `json:"gamma_pos" yaml:"gamma_pos"`             // power of the class that is, not negative
	LabelSmoothing float64   `json:"label_smoothing" yaml:"label_smoothing"` // part of the target spread evenly, 0..1
	Reduction      Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultAsymmetricSingleLabel takes the mean.
func DefaultAsymmetricSingleLabel() AsymmetricSingleLabelConfig {
	return AsymmetricSingleLabelConfig{GammaNeg: 4, GammaPos: 1, LabelSmoothing: 0.1}
}

// AsymmetricSingleLabel is the mean asymmetric loss of classes: DefaultAsymmetricSingleLabel().Apply(x, target).
func AsymmetricSingleLabel(x, target *ir.Value) *ir.Value {
	return DefaultAsymmetricSingleLabel().Apply(x, target)
}

// Apply gives, for each position with logits x and target t over C classes,
//
//	loss = -sum over c of ((1-s) t[c] + s/C) f[c]^g[c] log p[c]
//	p    = softmax(x)
//	f[c] = 1 - t[c] p[c] - (1-t[c])(1-p[c]),  g[c] = GammaPos t[c] + GammaNeg (1-t[c])
//
// in nats, reduced, with s for LabelSmoothing; t is 1 at a label and 0 elsewhere.
// Classes lie along axis 1: x is [B C] or [B C ...]. The target is labels of an
// integer type, [B] or [B ...], or numbers of the type of x. Without reduction the
// result is [B] or [B ...]. A label that is no class gives NaN.
//
// Source: Ridnik and others, "Asymmetric loss for multi-label classification"
// (2020); AsymmetricLossSingleLabel of timm.
func (cfg AsymmetricSingleLabelConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("asymmetric_single_label", cfg.each(x, target))
}

// Terms is the sum over positions, and their number.
func (cfg AsymmetricSingleLabelConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("asymmetric_single_label", cfg.each(x, target), weight)
}

func (cfg AsymmetricSingleLabelConfig) each(x, target *ir.Value) *ir.Value {
	x, p, dims, ok := classRows("asymmetric_single_label", cfg, x, target)
	if !ok {
		return x
	}
	number := func(v float64) *ir.Value { return ops.Scalar(x, v) }
	logs := ops.LogSoftmax(x, 1)
	q := ops.Exp(logs)
	rest := ops.Sub(number(1), p)
	far := ops.Sub(ops.Sub(number(1), ops.Mul(p, q)), ops.Mul(rest, ops.Sub(number(1), q)))
	power := ops.Add(ops.Mul(p, number(cfg.GammaPos)), ops.Mul(rest, number(cfg.GammaNeg)))
	s := cfg.LabelSmoothing
	smooth := ops.Add(ops.Mul(p, number(1-s)), number(s/float64(x.Dim(1))))
	losses := ops.Neg(ops.Mul(smooth, ops.Mul(logs, ops.Pow(far, power))))
	return ops.Reshape(ops.Sum(losses, 1), dims...)
}

// Target is Either.
func (AsymmetricSingleLabelConfig) Target() Target { return Either }

// Validate tells all that is wrong.
func (cfg AsymmetricSingleLabelConfig) Validate() error {
	return errors.Join(notNegative("gamma_neg", cfg.GammaNeg), notNegative("gamma_pos", cfg.GammaPos), share("label_smoothing", cfg.LabelSmoothing), cfg.Reduction.validate())
}
