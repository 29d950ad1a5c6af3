package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// AsymmetricMultiLabelConfig describes a loss of several classes at once, most of which are not there.
type AsymmetricMultiLabelConfig struct {
	GammaNeg  float64   `json:"gamma_neg" yaml:"gamma_neg"`                           // power that makes easy negatives count less, not negative
	GammaPos  float64   `json:"gamma_pos" yaml:"gamma_pos"`                           // that of positives, not negative
	Clip      float64   `json:"clip" yaml:"clip"`                                     // probability by which negatives are moved to certainty, 0..1
	Eps       float64   `json:"eps" yaml:"eps"`                                       // least probability before a logarithm, above 0
	Smoothing float64   `json:"smoothing" yaml:"smoothing"`                           // part by which targets move to 1/2, 0..1
	StopFocus bool      `json:"disable_focal_gradient" yaml:"disable_focal_gradient"` // no gradient flows through the powers
	Weight    []float64 `json:"class_weights" yaml:"class_weights"`                   // factor of each class; none for ones
	PosWeight []float64 `json:"pos_weight" yaml:"pos_weight"`                         // factor of the term of positives, one or one for each class; none for 1
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultAsymmetricMultiLabel takes the mean over all elements.
func DefaultAsymmetricMultiLabel() AsymmetricMultiLabelConfig {
	return AsymmetricMultiLabelConfig{GammaNeg: 4, GammaPos: 1, Clip: 0.05, Eps: 1e-8}
}

// AsymmetricMultiLabel is the mean asymmetric loss: DefaultAsymmetricMultiLabel().Apply(x, target).
func AsymmetricMultiLabel(x, target *ir.Value) *ir.Value {
	return DefaultAsymmetricMultiLabel().Apply(x, target)
}

// Apply gives, for each element with logit x and target t,
//
//	loss = -Weight (1 - q)^g (PosWeight t log(max(p, Eps)) + (1-t) log(max(n, Eps)))
//	p    = sigmoid(x),  n = min(1 - p + Clip, 1)
//	q    = t p + (1-t) n,  g = GammaPos t + GammaNeg (1-t)
//
// in nats, reduced; both have one type, and the weights lie along the last axis.
//
// Source: Ridnik and others, "Asymmetric loss for multi-label classification"
// (2020), equations 4 to 7; AsymmetricLossMultiLabel of timm, with reduction
// "mean": its default adds up the classes and means over examples.
func (cfg AsymmetricMultiLabelConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("asymmetric_multi_label", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg AsymmetricMultiLabelConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("asymmetric_multi_label", cfg.each(x, target), weight)
}

func (cfg AsymmetricMultiLabelConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("asymmetric_multi_label", cfg, x, target) {
		return x
	}
	if err := errors.Join(checkLastWeights("class_weights", cfg.Weight, x), checkLastWeights("pos_weight", cfg.PosWeight, x)); err != nil {
		return fail("asymmetric_multi_label", err.Error(), x, target)
	}
	number := func(v float64) *ir.Value { return ops.Scalar(x, v) }
	if s := cfg.Smoothing; s > 0 {
		target = ops.Add(ops.Mul(target, number(1-s)), number(s/2))
	}
	rest := ops.Sub(number(1), target)
	p := ops.Sigmoid(x)
	n := ops.Sub(number(1), p)
	if cfg.Clip > 0 {
		n = ops.Minimum(ops.Add(n, number(cfg.Clip)), number(1))
	}
	log := func(v *ir.Value) *ir.Value { return ops.Log(ops.Maximum(v, number(cfg.Eps))) }
	there := ops.Mul(target, log(p))
	if w := numbers(x, cfg.PosWeight); w != nil {
		there = ops.Mul(there, w)
	}
	losses := ops.Neg(ops.Add(there, ops.Mul(rest, log(n))))
	if cfg.GammaNeg > 0 || cfg.GammaPos > 0 {
		right := ops.Add(ops.Mul(target, p), ops.Mul(rest, n))
		power := ops.Add(ops.Mul(target, number(cfg.GammaPos)), ops.Mul(rest, number(cfg.GammaNeg)))
		focus := ops.Pow(ops.Sub(number(1), right), power)
		if cfg.StopFocus {
			focus = ops.StopGradient(focus)
		}
		losses = ops.Mul(losses, focus)
	}
	if w := numbers(x, cfg.Weight); w != nil {
		losses = ops.Mul(losses, w)
	}
	return losses
}

// Target is Numbers.
func (AsymmetricMultiLabelConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg AsymmetricMultiLabelConfig) Validate() error {
	return errors.Join(notNegative("gamma_neg", cfg.GammaNeg), notNegative("gamma_pos", cfg.GammaPos), share("clip", cfg.Clip), positive("eps", cfg.Eps), share("smoothing", cfg.Smoothing), validateWeights("class_weights", cfg.Weight), validateWeights("pos_weight", cfg.PosWeight), cfg.Reduction.validate())
}
