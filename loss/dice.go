package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// DiceConfig describes a loss of overlap.
type DiceConfig struct {
	Eps       float64   `json:"eps" yaml:"eps"` // added to a divisor, above 0
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultDice takes the mean.
func DefaultDice() DiceConfig { return DiceConfig{Eps: 1e-7} }

// Dice is the mean Dice loss: DefaultDice().Apply(x, target).
func Dice(x, target *ir.Value) *ir.Value { return DefaultDice().Apply(x, target) }

// Apply gives, for each example with probabilities x and targets t,
//
//	loss = 1 - 2 sum(t x) / (sum(t) + sum(x) + Eps)
//
// reduced, with sums over all axes but the first. Both have one type, [B ...];
// without reduction the result is [B].
//
// Source: Milletari and others, "V-Net" (2016); keras.losses.Dice of
// Keras 3.15 with axis=(1, 2, ...), whose default sums over the examples too.
func (cfg DiceConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("dice", cfg.each(x, target))
}

// Terms is the sum over the examples, and their number.
func (cfg DiceConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("dice", cfg.each(x, target), weight)
}

func (cfg DiceConfig) each(x, target *ir.Value) *ir.Value {
	x, target = wide(x), wide(target)
	if !ready("dice", cfg, x, target) {
		return x
	}
	if x.Rank() < 2 {
		return fail("dice", "wants probabilities [B ...] of several elements", x, target)
	}
	sum := func(v *ir.Value) *ir.Value { return ops.Sum(ops.Flatten(v, 1), 1) }
	both := sum(ops.Mul(target, x))
	all := ops.Add(ops.Add(sum(target), sum(x)), ops.Scalar(x, cfg.Eps))
	return ops.Sub(ops.Scalar(x, 1), ops.Div(ops.Mul(both, ops.Scalar(x, 2)), all))
}

// Target is Numbers.
func (DiceConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg DiceConfig) Validate() error {
	return errors.Join(positive("eps", cfg.Eps), cfg.Reduction.validate())
}
