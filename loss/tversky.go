package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// TverskyConfig describes a loss of overlap, with false positives and negatives weighed.
type TverskyConfig struct {
	Alpha     float64   `json:"alpha" yaml:"alpha"` // weight of what is missed, not negative
	Beta      float64   `json:"beta" yaml:"beta"`   // weight of what is found and not there, not negative
	Eps       float64   `json:"eps" yaml:"eps"`     // added to a divisor, above 0
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultTversky takes the mean, and weighs both alike: the Dice loss.
func DefaultTversky() TverskyConfig { return TverskyConfig{Alpha: 0.5, Beta: 0.5, Eps: 1e-7} }

// Tversky is the mean Tversky loss: DefaultTversky().Apply(x, target).
func Tversky(x, target *ir.Value) *ir.Value { return DefaultTversky().Apply(x, target) }

// Apply gives, for each example with probabilities x and targets t,
//
//	loss = 1 - s / (s + Alpha m + Beta f + Eps)
//	s    = sum(t x),  m = sum(t (1-x)),  f = sum((1-t) x)
//
// reduced, with sums over all axes but the first. Both have one type, [B ...];
// without reduction the result is [B].
//
// Source: Salehi and others, "Tversky loss function for image segmentation"
// (2017); keras.losses.Tversky of
// Keras 3.15 with axis=(1, 2, ...), whose default sums over the examples too.
func (cfg TverskyConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("tversky", cfg.each(x, target))
}

// Terms is the sum over the examples, and their number.
func (cfg TverskyConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("tversky", cfg.each(x, target), weight)
}

func (cfg TverskyConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("tversky", cfg, x, target) {
		return x
	}
	if x.Rank() < 2 {
		return fail("tversky", "wants probabilities [B ...] of several elements", x, target)
	}
	sum := func(v *ir.Value) *ir.Value { return ops.Sum(ops.Flatten(v, 1), 1) }
	both := sum(ops.Mul(target, x))
	one := ops.Scalar(x, 1)
	missed, wrong := sum(ops.Mul(target, ops.Sub(one, x))), sum(ops.Mul(ops.Sub(one, target), x))
	all := ops.Add(both, ops.Add(ops.Mul(missed, ops.Scalar(x, cfg.Alpha)), ops.Mul(wrong, ops.Scalar(x, cfg.Beta))))
	return ops.Sub(one, ops.Div(both, ops.Add(all, ops.Scalar(x, cfg.Eps))))
}

// Target is Numbers.
func (TverskyConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg TverskyConfig) Validate() error {
	return errors.Join(notNegative("alpha", cfg.Alpha), notNegative("beta", cfg.Beta), positive("eps", cfg.Eps), cfg.Reduction.validate())
}
