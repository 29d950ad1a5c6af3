package loss

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// CategoricalFocalConfig describes a focal cross-entropy of several classes.
type CategoricalFocalConfig struct {
	Alpha          []float64 `json:"alpha" yaml:"alpha"`                     // factor of each class, or one for all
	Gamma          float64   `json:"gamma" yaml:"gamma"`                     // power of the probability of being wrong, not negative
	FromLogits     bool      `json:"from_logits" yaml:"from_logits"`         // x are logits; else probabilities, whose sum becomes 1
	LabelSmoothing float64   `json:"label_smoothing" yaml:"label_smoothing"` // part of the target spread evenly, 0..1
	Reduction      Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultCategoricalFocal takes the mean, of logits.
func DefaultCategoricalFocal() CategoricalFocalConfig {
	return CategoricalFocalConfig{Alpha: []float64{0.25}, Gamma: 2, FromLogits: true}
}

// CategoricalFocal is the mean focal cross-entropy of classes: DefaultCategoricalFocal().Apply(x, target).
func CategoricalFocal(x, target *ir.Value) *ir.Value {
	return DefaultCategoricalFocal().Apply(x, target)
}

// Apply gives, for each position with probabilities p and target t over C classes,
//
//	loss = -sum over c of Alpha[c] (1 - p[c])^Gamma t[c] log p[c]
//
// in nats, reduced; t is 1 at a label and 0 elsewhere. p is the softmax of x where x
// are logits, kept 1e-7 away from 0 and 1. LabelSmoothing s turns t into
// (1-s) t + s/C first. Classes lie along axis 1: x is [B C] or [B C ...]. The target is labels of an
// integer type, [B] or [B ...], or numbers of the type of x. Without reduction the
// result is [B] or [B ...]. A label that is no class gives NaN.
//
// Source: Lin and others, "Focal loss for dense object detection" (2017);
// keras.losses.CategoricalFocalCrossentropy of Keras 3.15, which takes
// probabilities unless it is told, with classes along the last axis.
func (cfg CategoricalFocalConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("categorical_focal", cfg.each(x, target))
}

// Terms is the sum over positions, and their number.
func (cfg CategoricalFocalConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("categorical_focal", cfg.each(x, target), weight)
}

func (cfg CategoricalFocalConfig) each(x, target *ir.Value) *ir.Value {
	x, p, dims, ok := classRows("categorical_focal", cfg, x, target)
	if !ok {
		return x
	}
	if n := len(cfg.Alpha); n != 1 && n != x.Dim(1) {
		return fail("categorical_focal", fmt.Sprintf("there are %d numbers in alpha for %d classes", n, x.Dim(1)), x)
	}
	if s := cfg.LabelSmoothing; s > 0 {
		p = ops.Add(ops.Mul(p, ops.Scalar(p, 1-s)), ops.Scalar(p, s/float64(x.Dim(1))))
	}
	if cfg.FromLogits {
		x = ops.Softmax(x, 1)
	}
	q := ops.Clamp(ops.Div(x, ops.Unsqueeze(ops.Sum(x, 1), 1)), keptAway, 1-keptAway)
	focus := ops.Pow(ops.Sub(ops.Scalar(q, 1), q), ops.Scalar(q, cfg.Gamma))
	losses := ops.Neg(ops.Mul(ops.Mul(focus, numbers(q, cfg.Alpha)), ops.Mul(p, ops.Log(q))))
	return ops.Reshape(ops.Sum(losses, 1), dims...)
}

// Target is Either.
func (CategoricalFocalConfig) Target() Target { return Either }

// Validate tells all that is wrong.
func (cfg CategoricalFocalConfig) Validate() error {
	return errors.Join(validateWeights("alpha", cfg.Alpha), notNegative("gamma", cfg.Gamma), share("label_smoothing", cfg.LabelSmoothing), cfg.Reduction.validate())
}
