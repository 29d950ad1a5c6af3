package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// SupervisedContrastiveConfig describes a contrastive loss of examples with labels.
type SupervisedContrastiveConfig struct {
	Temperature float64   `json:"temperature" yaml:"temperature"` // what cosines are divided by, above 0
	Reduction   Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultSupervisedContrastive takes the mean.
func DefaultSupervisedContrastive() SupervisedContrastiveConfig {
	return SupervisedContrastiveConfig{Temperature: 0.07}
}

// SupervisedContrastive is the mean contrastive loss of classes: DefaultSupervisedContrastive().Apply(x, labels).
func SupervisedContrastive(x, labels *ir.Value) *ir.Value {
	return DefaultSupervisedContrastive().Apply(x, labels)
}

// Apply gives, for each example with V views x[i], each with the label of the
// example, among all B V views of the batch,
//
//	loss[i] = mean over the views a of i of l(a)
//	l(a)    = -mean over p with the label of a of (z(a,p) - log(sum over v of e^z(a,v)))
//	z(a,b)  = cos(a, b) / Temperature
//
// in nats, reduced; p and v are other views than a, and l is 0 where there is no p.
// x is [B V D], labels of an integer type are [B], and so is the result without
// reduction.
//
// Source: Khosla and others, "Supervised contrastive learning" (2020), equation 2,
// the authors' SupConLoss with equal temperatures.
func (cfg SupervisedContrastiveConfig) Apply(x, labels *ir.Value) *ir.Value {
	return cfg.Reduction.apply("supervised_contrastive", cfg.each(x, labels))
}

// Terms is the sum over the examples, and their number.
func (cfg SupervisedContrastiveConfig) Terms(x, labels, weight *ir.Value) Terms {
	return elementTerms("supervised_contrastive", cfg.each(x, labels), weight)
}

func (cfg SupervisedContrastiveConfig) each(x, labels *ir.Value) *ir.Value {
	x = wide(x)
	if !groups("supervised_contrastive", cfg, 3, x, labels) {
		return x
	}
	b, views := x.Dim(0), x.Dim(1)
	if b == 0 {
		return ops.Sum(x, 1, 2)
	}
	n := b * views
	all := unit(ops.Reshape(x, n, x.Dim(2)))
	z := ops.Mul(products(all, all), ops.Scalar(x, 1/cfg.Temperature)) // [B*V B*V]
	label := ops.Reshape(ops.Broadcast(ops.Unsqueeze(labels, 1), shape.Of(b, views)), n)
	other := ops.Not(own(x.Graph(), n))
	alike := ops.And(other, ops.Eq(ops.Unsqueeze(label, 1), ops.Unsqueeze(label, 0)))
	p := ops.Cast(alike, x.DType())
	count := ops.Sum(p, 1)
	far := ops.Mul(count, along(z, other))
	near := ops.Sum(ops.Mul(p, z), 1)
	losses := ops.Div(ops.Sub(far, near), ops.Maximum(count, ops.Scalar(x, 1)))
	return ops.Mean(ops.Reshape(losses, b, views), 1)
}

// Target is Groups.
func (SupervisedContrastiveConfig) Target() Target { return Groups }

// Validate tells all that is wrong.
func (cfg SupervisedContrastiveConfig) Validate() error {
	return errors.Join(positive("temperature", cfg.Temperature), cfg.Reduction.validate())
}
