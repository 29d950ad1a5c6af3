package loss

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// CategoricalHingeConfig describes a hinge loss of several classes.
type CategoricalHingeConfig struct {
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// CategoricalHinge is the mean hinge loss of classes: CategoricalHingeConfig{}.Apply(x, target).
func CategoricalHinge(x, target *ir.Value) *ir.Value {
	return CategoricalHingeConfig{}.Apply(x, target)
}

// Apply gives, for each position with scores x and target t over C classes,
//
//	loss = max(0, 1 + max over c of (1 - t[c]) x[c] - sum over c of t[c] x[c])
//
// reduced; t is 1 at a label and 0 elsewhere.
// Classes lie along axis 1: x is [B C] or [B C ...]. The target is labels of an
// integer type, [B] or [B ...], or numbers of the type of x. Without reduction the
// result is [B] or [B ...]. A label that is no class gives NaN.
//
// Source: keras.losses.CategoricalHinge of Keras 3.15, with classes along the last
// axis there. The maximum is over all classes, that of the label with a score of 0.
func (cfg CategoricalHingeConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("categorical_hinge", cfg.each(x, target))
}

// Terms is the sum over positions, and their number.
func (cfg CategoricalHingeConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("categorical_hinge", cfg.each(x, target), weight)
}

func (cfg CategoricalHingeConfig) each(x, target *ir.Value) *ir.Value {
	x, p, dims, ok := classRows("categorical_hinge", cfg, x, target)
	if !ok {
		return x
	}
	one := ops.Scalar(x, 1)
	own := ops.Sum(ops.Mul(p, x), 1)
	other := ops.Amax(ops.Mul(ops.Sub(one, p), x), 1)
	return ops.Reshape(hinge(ops.Add(ops.Sub(other, own), one)), dims...)
}

// Target is Either.
func (CategoricalHingeConfig) Target() Target { return Either }

// Validate tells all that is wrong.
func (cfg CategoricalHingeConfig) Validate() error {
	return cfg.Reduction.validate()
}
