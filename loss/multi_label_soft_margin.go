package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// MultiLabelSoftMarginConfig describes a binary cross-entropy over the labels
// of an example.
type MultiLabelSoftMarginConfig struct {
	Weight    []float64 `json:"class_weights" yaml:"class_weights"` // factor of each class; none for ones
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// MultiLabelSoftMargin is the mean over examples and classes, in nats.
func MultiLabelSoftMargin(x, target *ir.Value) *ir.Value {
	return MultiLabelSoftMarginConfig{}.Apply(x, target)
}

// Apply gives, for each example with logits x over C classes and targets t, 1
// for the classes that it is in and 0 for others,
//
//	loss = -1/C sum over c of Weight[c] (t[c] log sigmoid(x[c]) + (1-t[c]) log(1 - sigmoid(x[c])))
//
// reduced. Both are [B C] or [B ... C] and have one type; without reduction
// the result has no last axis. The mean divides by the number of examples,
// whatever the weights.
//
// Source: torch.nn.functional.multilabel_soft_margin_loss.
func (cfg MultiLabelSoftMarginConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("multi_label_soft_margin", cfg.each(x, target))
}

// Terms is the sum over the examples, and their number.
func (cfg MultiLabelSoftMarginConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("multi_label_soft_margin", cfg.each(x, target), weight)
}

func (cfg MultiLabelSoftMarginConfig) each(x, target *ir.Value) *ir.Value {
	const name = "multi_label_soft_margin"
	x, target = wide(x), wide(target)
	if !ready(name, cfg, x, target) {
		return x
	}
	if x.Rank() < 2 || len(cfg.Weight) > 0 && len(cfg.Weight) != x.Dim(x.Rank()-1) {
		return fail(name, "wants logits [B C] or [B ... C], and C class_weights, if any", x, target)
	}
	losses := BCEWithLogitsConfig{Weight: cfg.Weight, Reduction: None}.Apply(x, target, nil)
	return ops.Mean(losses, -1)
}

// Target is Numbers.
func (MultiLabelSoftMarginConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg MultiLabelSoftMarginConfig) Validate() error {
	return errors.Join(validateWeights("class_weights", cfg.Weight), cfg.Reduction.validate())
}
