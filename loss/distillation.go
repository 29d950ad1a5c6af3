package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// DistillationConfig describes a cross-entropy with labels and with what a teacher says.
type DistillationConfig struct {
	Temperature float64   `json:"temperature" yaml:"temperature"` // what logits are divided by where both are compared, above 0
	Alpha       float64   `json:"alpha" yaml:"alpha"`             // part of the teacher in the loss, 0..1; the rest is that of the labels
	Reduction   Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultDistillation takes the mean.
func DefaultDistillation() DistillationConfig { return DistillationConfig{Temperature: 2, Alpha: 0.5} }

// Distillation is the mean loss of a student: DefaultDistillation().Apply(x, teacher, labels).
func Distillation(x, teacher, labels *ir.Value) *ir.Value {
	return DefaultDistillation().Apply(x, teacher, labels)
}

// Apply gives, for each example with logits x and the teacher's over C classes,
//
//	loss = Alpha T^2 KL(softmax(teacher / T) | softmax(x / T)) + (1-Alpha) cross-entropy(x, label)
//
// in nats, reduced, with T for Temperature; its square keeps the size of gradients.
// Logits are [B C] of one type, labels of an integer type [B], and so is the result
// without reduction. No gradient flows to the teacher. A label that is no class
// gives NaN.
//
// Source: Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network"
// (2015), section 2; the KL divergence as in the knowledge distillation tutorial of
// PyTorch.
func (cfg DistillationConfig) Apply(x, teacher, labels *ir.Value) *ir.Value {
	return cfg.Reduction.apply("distillation", cfg.each(x, teacher, labels))
}

// Terms takes the logits of both from one output, the student's before the
// teacher's, stacked on axis 1: [B 2 C]. It is the sum over the examples, and
// their number.
func (cfg DistillationConfig) Terms(output, labels, weight *ir.Value) Terms {
	v := unstack("distillation", output, 2)
	return elementTerms("distillation", cfg.each(v[0], v[1], labels), weight)
}

func (cfg DistillationConfig) each(x, teacher, labels *ir.Value) *ir.Value {
	const name = "distillation"
	x, teacher = wide(x), wide(teacher)
	if !ready(name, cfg, x, teacher) {
		return x
	}
	err := checkLabels(x, labels)
	if err == nil && x.Rank() != 2 {
		err = errors.New("wants logits [B C]")
	}
	if err != nil {
		return fail(name, err.Error(), x, labels)
	}
	t := ops.Scalar(x, 1/cfg.Temperature)
	soft := ops.LogSoftmax(ops.Mul(x, t), 1)
	aim := ops.StopGradient(ops.LogSoftmax(ops.Mul(teacher, t), 1))
	apart := ops.Sum(ops.Mul(ops.Exp(aim), ops.Sub(aim, soft)), 1)
	hard := ops.CrossEntropyRows(x, labels, noLabel, 0)
	return ops.Add(ops.Mul(apart, ops.Scalar(x, cfg.Alpha*cfg.Temperature*cfg.Temperature)), ops.Mul(hard, ops.Scalar(x, 1-cfg.Alpha)))
}

// Target is Labels.
func (DistillationConfig) Target() Target { return Labels }

// Validate tells all that is wrong.
func (cfg DistillationConfig) Validate() error {
	return errors.Join(positive("temperature", cfg.Temperature), share("alpha", cfg.Alpha), cfg.Reduction.validate())
}
