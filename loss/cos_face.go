package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// CosFaceConfig describes a cross-entropy of cosines with a margin.
type CosFaceConfig struct {
	Scale     float64   `json:"scale" yaml:"scale"`   // factor of the cosines, above 0
	Margin    float64   `json:"margin" yaml:"margin"` // by which the cosine to the class is taken for smaller, not negative
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultCosFace takes the mean.
func DefaultCosFace() CosFaceConfig { return CosFaceConfig{Scale: 64, Margin: 0.35} }

// CosFace is the mean cross-entropy with a margin: DefaultCosFace().Apply(x, labels).
func CosFace(x, labels *ir.Value) *ir.Value { return DefaultCosFace().Apply(x, labels) }

// Apply gives, for each example with cosines x between its vector and those of C
// classes, and label y,
//
//	loss = cross-entropy(Scale c, y)
//	c[y] = x[y] - Margin,  c[i] = x[i] elsewhere
//
// in nats, reduced. x is [B C], in -1..1; labels of
// an integer type are [B], and so is the result without reduction. A label that is
// no class gives NaN.
//
// Source: Wang and others, "CosFace" (2018), equation 4.
func (cfg CosFaceConfig) Apply(x, labels *ir.Value) *ir.Value {
	return cfg.Reduction.apply("cos_face", cfg.each(x, labels))
}

// Terms is the sum over the examples, and their number.
func (cfg CosFaceConfig) Terms(x, labels, weight *ir.Value) Terms {
	return elementTerms("cos_face", cfg.each(x, labels), weight)
}

func (cfg CosFaceConfig) each(x, labels *ir.Value) *ir.Value {
	x = wide(x)
	if !valid("cos_face", cfg, x, labels) {
		return x
	}
	err := checkLabels(x, labels)
	if err == nil && x.Rank() != 2 {
		err = errors.New("wants cosines [B C]")
	}
	if err != nil {
		return fail("cos_face", err.Error(), x, labels)
	}
	labels = ops.Cast(labels, dtype.Int64)
	hit := ops.Eq(ops.Iota(x.Graph(), dtype.Int64, x.Shape(), 1), ops.Unsqueeze(labels, 1))
	moved := ops.Sub(x, ops.Scalar(x, cfg.Margin))
	z := ops.Mul(ops.Select(hit, moved, x), ops.Scalar(x, cfg.Scale))
	return ops.CrossEntropyRows(z, labels, noLabel, 0)
}

// Target is Labels.
func (CosFaceConfig) Target() Target { return Labels }

// Validate tells all that is wrong.
func (cfg CosFaceConfig) Validate() error {
	return errors.Join(positive("scale", cfg.Scale), notNegative("margin", cfg.Margin), cfg.Reduction.validate())
}
