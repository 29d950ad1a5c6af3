package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// JSDCrossEntropyConfig describes a cross-entropy that wants one answer for several views of an example.
type JSDCrossEntropyConfig struct {
	Alpha          float64   `json:"alpha" yaml:"alpha"`                     // factor of the divergence between the views, not negative
	LabelSmoothing float64   `json:"label_smoothing" yaml:"label_smoothing"` // part of the target spread evenly, 0..1
	Reduction      Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultJSDCrossEntropy takes the mean.
func DefaultJSDCrossEntropy() JSDCrossEntropyConfig {
	return JSDCrossEntropyConfig{Alpha: 12, LabelSmoothing: 0.1}
}

// JSDCrossEntropy is the mean loss of views: DefaultJSDCrossEntropy().Apply(x, labels).
func JSDCrossEntropy(x, labels *ir.Value) *ir.Value { return DefaultJSDCrossEntropy().Apply(x, labels) }

// Apply gives, for each example with logits x of S views over C classes,
//
//	loss = cross-entropy(x[0], label) + Alpha/S sum over s of KL(p[s] | m)
//	p[s] = softmax(x[s]),  m = min(max(mean over s of p[s], 1e-7), 1)
//
// in nats, reduced: the first view is the plain one, the others are augmented. x is
// [B S C], labels of an integer type are [B], and so is the result without
// reduction.
//
// Source: Hendrycks and others, "AugMix" (2019), section 3; JsdCrossEntropy of timm,
// which takes the views one after another along axis 0.
func (cfg JSDCrossEntropyConfig) Apply(x, labels *ir.Value) *ir.Value {
	return cfg.Reduction.apply("jsd_cross_entropy", cfg.each(x, labels))
}

// Terms is the sum over the examples, and their number.
func (cfg JSDCrossEntropyConfig) Terms(x, labels, weight *ir.Value) Terms {
	return elementTerms("jsd_cross_entropy", cfg.each(x, labels), weight)
}

func (cfg JSDCrossEntropyConfig) each(x, labels *ir.Value) *ir.Value {
	const name = "jsd_cross_entropy"
	x = wide(x)
	if !valid(name, cfg, x, labels) {
		return x
	}
	if !x.DType().IsFloat() || x.Rank() != 3 || x.Dim(1) == 0 || x.Dim(2) == 0 || !labels.DType().IsInt() || labels.Shape() != shape.Of(x.Dim(0)) {
		return fail(name, "wants logits [B S C] of S views, and labels [B] of an integer type", x, labels)
	}
	plain := ops.Squeeze(ops.Narrow(x, 1, 0, 1), 1) // [B C]
	losses := ops.CrossEntropyRows(plain, labels, noLabel, cfg.LabelSmoothing)
	logs := ops.LogSoftmax(x, 2)
	p := ops.Exp(logs)
	mixture := ops.Log(ops.Clamp(ops.Mean(p, 1), 1e-7, 1)) // [B C]
	apart := ops.Sum(ops.Mul(p, ops.Sub(logs, ops.Unsqueeze(mixture, 1))), 1, 2)
	return ops.Add(losses, ops.Mul(apart, ops.Scalar(x, cfg.Alpha/float64(x.Dim(1)))))
}

// Target is Labels.
func (JSDCrossEntropyConfig) Target() Target { return Labels }

// Validate tells all that is wrong.
func (cfg JSDCrossEntropyConfig) Validate() error {
	return errors.Join(notNegative("alpha", cfg.Alpha), share("label_smoothing", cfg.LabelSmoothing), cfg.Reduction.validate())
}
