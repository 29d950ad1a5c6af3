package loss

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// ArcFaceConfig describes a cross-entropy of cosines with a margin of the angle.
type ArcFaceConfig struct {
	Scale     float64   `json:"scale" yaml:"scale"`   // factor of the cosines, above 0
	Margin    float64   `json:"margin" yaml:"margin"` // radians that the angle to the class is taken for larger, 0 to pi
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultArcFace takes the mean.
func DefaultArcFace() ArcFaceConfig { return ArcFaceConfig{Scale: 64, Margin: 0.5} }

// ArcFace is the mean cross-entropy with a margin: DefaultArcFace().Apply(x, labels).
func ArcFace(x, labels *ir.Value) *ir.Value { return DefaultArcFace().Apply(x, labels) }

// Apply gives, for each example with cosines x between its vector and those of C
// classes, and label y,
//
//	loss = cross-entropy(Scale c, y)
//	c[y] = cos(acos(x[y]) + Margin),  c[i] = x[i] elsewhere
//
// in nats, reduced. x is [B C], in -1..1; labels of
// an integer type are [B], and so is the result without reduction. A label that is
// no class gives NaN. Where the angle and the margin are above pi together, c[y] is
// x[y] - Margin sin(Margin), so that it falls on.
//
// Source: Deng and others, "ArcFace" (2018), equation 3, and the authors' code for large angles.
func (cfg ArcFaceConfig) Apply(x, labels *ir.Value) *ir.Value {
	return cfg.Reduction.apply("arc_face", cfg.each(x, labels))
}

// Terms is the sum over the examples, and their number.
func (cfg ArcFaceConfig) Terms(x, labels, weight *ir.Value) Terms {
	return elementTerms("arc_face", cfg.each(x, labels), weight)
}

func (cfg ArcFaceConfig) each(x, labels *ir.Value) *ir.Value {
	x = wide(x)
	if !valid("arc_face", cfg, x, labels) {
		return x
	}
	err := checkLabels(x, labels)
	if err == nil && x.Rank() != 2 {
		err = errors.New("wants cosines [B C]")
	}
	if err != nil {
		return fail("arc_face", err.Error(), x, labels)
	}
	labels = ops.Cast(labels, dtype.Int64)
	hit := ops.Eq(ops.Iota(x.Graph(), dtype.Int64, x.Shape(), 1), ops.Unsqueeze(labels, 1))
	number := func(v float64) *ir.Value { return ops.Scalar(x, v) }
	// The slope of the sine is infinite where the cosine is 1 or -1.
	sine := ops.Sqrt(ops.Maximum(ops.Sub(number(1), ops.Mul(x, x)), number(1e-12)))
	turned := ops.Sub(ops.Mul(x, number(math.Cos(cfg.Margin))), ops.Mul(sine, number(math.Sin(cfg.Margin))))
	straight := ops.Sub(x, number(cfg.Margin*math.Sin(cfg.Margin)))
	moved := ops.Select(ops.Gt(x, number(math.Cos(math.Pi-cfg.Margin))), turned, straight)
	z := ops.Mul(ops.Select(hit, moved, x), ops.Scalar(x, cfg.Scale))
	return ops.CrossEntropyRows(z, labels, noLabel, 0)
}

// Target is Labels.
func (ArcFaceConfig) Target() Target { return Labels }

// Validate tells all that is wrong.
func (cfg ArcFaceConfig) Validate() error {
	return errors.Join(positive("scale", cfg.Scale), angle("margin", cfg.Margin), cfg.Reduction.validate())
}

// angle wants radians in 0..pi under a key.
func angle(key string, v float64) error {
	if !(v >= 0 && v <= math.Pi) {
		return fmt.Errorf("loss: %s is %v, want radians in 0..pi", key, v)
	}
	return nil
}
