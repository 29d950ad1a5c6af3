package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// BinaryFocalConfig describes a focal cross-entropy of two classes.
type BinaryFocalConfig struct {
	Balance        bool      `json:"apply_class_balancing" yaml:"apply_class_balancing"` // weigh positive elements by alpha, others by 1 - alpha
	Alpha          float64   `json:"alpha" yaml:"alpha"`                                 // weight of positive elements where they are balanced, 0..1
	Gamma          float64   `json:"gamma" yaml:"gamma"`                                 // power of the probability of being wrong, not negative
	FromLogits     bool      `json:"from_logits" yaml:"from_logits"`                     // x are logits; else probabilities, kept 1e-7 away from 0 and 1
	LabelSmoothing float64   `json:"label_smoothing" yaml:"label_smoothing"`             // part of the target spread evenly, 0..1
	Reduction      Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultBinaryFocal takes the mean, of logits, without balancing.
func DefaultBinaryFocal() BinaryFocalConfig {
	return BinaryFocalConfig{Alpha: 0.25, Gamma: 2, FromLogits: true}
}

// BinaryFocal is the mean binary focal cross-entropy: DefaultBinaryFocal().Apply(x, target).
func BinaryFocal(x, target *ir.Value) *ir.Value { return DefaultBinaryFocal().Apply(x, target) }

// Apply gives, for each element with the probability p of a positive and target t,
//
//	loss = -w (1 - q)^Gamma (t log p + (1-t) log(1-p))
//	q    = t p + (1-t)(1-p)
//
// in nats, reduced; both have one type. p is the sigmoid of x where x are logits.
// The weight w is 1, or, balanced, Alpha t + (1-Alpha)(1-t). LabelSmoothing s turns t
// into (1-s) t + s/2 first.
//
// Source: Lin and others, "Focal loss for dense object detection" (2017), equation
// 5; keras.losses.BinaryFocalCrossentropy of Keras 3.15, which takes probabilities
// unless it is told, and keeps those of logits away from 0 and 1 too.
func (cfg BinaryFocalConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("binary_focal", cfg.each(x, target))
}

// Terms is the sum over all elements, and their number.
func (cfg BinaryFocalConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("binary_focal", cfg.each(x, target), weight)
}

func (cfg BinaryFocalConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("binary_focal", cfg, x, target) {
		return x
	}
	one := ops.Scalar(x, 1)
	if s := cfg.LabelSmoothing; s > 0 {
		target = ops.Add(ops.Mul(target, ops.Scalar(x, 1-s)), ops.Scalar(x, s/2))
	}
	rest := ops.Sub(one, target)
	p, bce := x, (*ir.Value)(nil)
	if cfg.FromLogits {
		p = ops.Sigmoid(x)
		bce = ops.Sub(ops.Mul(rest, x), ops.LogSigmoid(x))
	} else {
		c := ops.Clamp(x, keptAway, 1-keptAway)
		bce = ops.Neg(ops.Add(ops.Mul(target, ops.Log(c)), ops.Mul(rest, ops.Log(ops.Sub(one, c)))))
	}
	right := ops.Add(ops.Mul(target, p), ops.Mul(rest, ops.Sub(one, p)))
	losses := ops.Mul(ops.Pow(ops.Sub(one, right), ops.Scalar(x, cfg.Gamma)), bce)
	if cfg.Balance {
		w := ops.Add(ops.Mul(target, ops.Scalar(x, cfg.Alpha)), ops.Mul(rest, ops.Scalar(x, 1-cfg.Alpha)))
		losses = ops.Mul(losses, w)
	}
	return losses
}

// Target is Numbers.
func (BinaryFocalConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg BinaryFocalConfig) Validate() error {
	return errors.Join(share("alpha", cfg.Alpha), notNegative("gamma", cfg.Gamma), share("label_smoothing", cfg.LabelSmoothing), cfg.Reduction.validate())
}
