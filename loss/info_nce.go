package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// InfoNCEConfig describes a contrastive loss of pairs, as of images with their texts.
type InfoNCEConfig struct {
	Temperature float64   `json:"temperature" yaml:"temperature"` // what cosines are divided by, above 0
	Reduction   Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultInfoNCE takes the mean.
func DefaultInfoNCE() InfoNCEConfig { return InfoNCEConfig{Temperature: 0.07} }

// InfoNCE is the mean symmetric contrastive loss: DefaultInfoNCE().Apply(x, y).
func InfoNCE(x, y *ir.Value) *ir.Value { return DefaultInfoNCE().Apply(x, y) }

// Apply gives, for each example with vectors x[i] and y[i],
//
//	loss[i] = (cross-entropy(z[i, :], i) + cross-entropy(z[:, i], i)) / 2
//	z[i,j]  = cos(x[i], y[j]) / Temperature
//
// in nats, reduced: among all y of the batch x[i] is to find its own, and the other
// way round. Both are [B D]; without reduction the result is [B]. For a temperature
// that is learnt use InfoNCEOf with a parameter.
//
// Source: van den Oord and others, "Representation learning with contrastive
// predictive coding" (2018), equation 4; Radford and others, "CLIP" (2021), figure 3;
// CLIPModel of Hugging Face Transformers.
func (cfg InfoNCEConfig) Apply(x, y *ir.Value) *ir.Value {
	return cfg.Reduction.apply("info_nce", cfg.each(x, y))
}

// Terms takes both vectors from one output, stacked on axis 1: [B 2 D]. The
// target is not read. It is the sum over the examples, and their number.
func (cfg InfoNCEConfig) Terms(output, _, weight *ir.Value) Terms {
	v := unstack("info_nce", output, 2)
	return elementTerms("info_nce", cfg.each(v[0], v[1]), weight)
}

func (cfg InfoNCEConfig) each(x, y *ir.Value) *ir.Value {
	x, y = wide(x), wide(y)
	if !pairs("info_nce", cfg, x, y) {
		return x
	}
	return symmetric(ops.Mul(products(unit(x), unit(y)), ops.Scalar(x, 1/cfg.Temperature)))
}

// Target is Nothing.
func (InfoNCEConfig) Target() Target { return Nothing }

// Validate tells all that is wrong.
func (cfg InfoNCEConfig) Validate() error {
	return errors.Join(positive("temperature", cfg.Temperature), cfg.Reduction.validate())
}

// InfoNCEOf is the loss of each example [B] with cosines times scale, a scalar
// such as the exponential of a parameter, in place of 1/Temperature.
func InfoNCEOf(x, y, scale *ir.Value) *ir.Value {
	x, y = wide(x), wide(y)
	if !pairs("info_nce", DefaultInfoNCE(), x, y) {
		return x
	}
	return symmetric(ops.Mul(products(unit(x), unit(y)), wide(scale)))
}

// symmetric is the mean of the cross-entropies of rows and columns of z [B B],
// each with its own number as label.
func symmetric(z *ir.Value) *ir.Value {
	labels := ops.Iota(z.Graph(), dtype.Int64, shape.Of(z.Dim(0)), 0)
	if z.Dim(0) == 0 {
		return ops.Full(z.Graph(), z.DType(), shape.Of(0), 0)
	}
	rows := ops.CrossEntropyRows(z, labels, noLabel, 0)
	columns := ops.CrossEntropyRows(ops.Transpose(z, 1, 0), labels, noLabel, 0)
	return ops.Mul(ops.Add(rows, columns), ops.Scalar(z, 0.5))
}
