package loss

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// MultiMarginConfig describes a hinge loss of classes.
type MultiMarginConfig struct {
	P         int       `json:"p" yaml:"p"`                         // power, 1 or 2
	Margin    float64   `json:"margin" yaml:"margin"`               // by which the score of the class should exceed others
	Weight    []float64 `json:"class_weights" yaml:"class_weights"` // factor of each class; none for ones
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultMultiMargin takes the mean, with power and margin 1.
func DefaultMultiMargin() MultiMarginConfig { return MultiMarginConfig{P: 1, Margin: 1} }

// MultiMargin is the mean hinge loss: DefaultMultiMargin().Apply(x, labels).
func MultiMargin(x, labels *ir.Value) *ir.Value { return DefaultMultiMargin().Apply(x, labels) }

// Apply gives, for each example with scores x over C classes and label y,
//
//	loss = Weight[y]/C sum over i != y of max(0, Margin - x[y] + x[i])^P
//
// reduced. x is [B C], labels of an integer type are [B], and so is the result
// without reduction. The mean divides by the number of examples, whatever the
// weights. A label that is no class gives NaN, or is an error where it is an
// argument of an exec.Func.
//
// Source: torch.nn.functional.multi_margin_loss, whose sum over no examples is NaN.
func (cfg MultiMarginConfig) Apply(x, labels *ir.Value) *ir.Value {
	return cfg.Reduction.apply("multi_margin", cfg.each(x, labels))
}

// Terms is the sum over the examples, and their number.
func (cfg MultiMarginConfig) Terms(x, labels, weight *ir.Value) Terms {
	return elementTerms("multi_margin", cfg.each(x, labels), weight)
}

func (cfg MultiMarginConfig) each(x, labels *ir.Value) *ir.Value {
	const name = "multi_margin"
	x = wide(x)
	if !valid(name, cfg, x, labels) {
		return x
	}
	err := checkLabels(x, labels)
	if err == nil && x.Rank() != 2 {
		err = errors.New("wants scores [B C]")
	}
	if err := errors.Join(err, checkClassWeights(cfg.Weight, x)); err != nil {
		return fail(name, err.Error(), x, labels)
	}
	bound(name, x, labels, 0)
	labels = ops.Unsqueeze(ops.Cast(labels, dtype.Int64), 1) // [B 1]
	own := ops.Gather(x, labels, 1)                          // [B 1]
	z := hinge(ops.Add(ops.Sub(x, own), ops.Scalar(x, cfg.Margin)))
	if cfg.P == 2 {
		z = ops.Mul(z, z)
	}
	others := ops.Ne(ops.Iota(x.Graph(), dtype.Int64, x.Shape(), 1), labels)
	losses := ops.Mean(ops.Select(others, z, ops.ZerosLike(z)), 1)
	if w := numbers(x, cfg.Weight); w != nil {
		losses = ops.Mul(losses, ops.Take(w, ops.Squeeze(labels, 1), 0))
	}
	return losses
}

// Target is Labels.
func (MultiMarginConfig) Target() Target { return Labels }

// Validate tells all that is wrong.
func (cfg MultiMarginConfig) Validate() error {
	var err error
	if cfg.P != 1 && cfg.P != 2 {
		err = fmt.Errorf("loss: p is %d, want 1 or 2", cfg.P)
	}
	return errors.Join(err, finite("margin", cfg.Margin), validateWeights("class_weights", cfg.Weight), cfg.Reduction.validate())
}
