package loss

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// MultiLabelMarginConfig describes a hinge loss of the several classes of an
// example.
type MultiLabelMarginConfig struct {
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// MultiLabelMargin is the mean hinge loss of several classes.
func MultiLabelMargin(x, target *ir.Value) *ir.Value {
	return MultiLabelMarginConfig{}.Apply(x, target)
}

// Apply gives, for each example with scores x over C classes,
//
//	loss = 1/C sum over its classes j, and all i that are none of them, of max(0, 1 - x[j] + x[i])
//
// reduced. x is [B C]; without reduction the result is [B]. The target is of the
// shape of x: either, of an integer type, the labels of the classes, of which
// those from the first -1 on do not count, or, of the type of x, 1 for the
// classes that the example is in and 0 for others. A label that counts and is no
// class gives NaN. The mean divides by the number of examples. It takes memory
// for B C^2 numbers.
//
// Source: torch.nn.functional.multilabel_margin_loss, which has the first form of
// target; its sum over no examples is NaN.
func (cfg MultiLabelMarginConfig) Apply(x, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("multi_label_margin", cfg.each(x, target))
}

// Terms is the sum over the examples, and their number.
func (cfg MultiLabelMarginConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("multi_label_margin", cfg.each(x, target), weight)
}

func (cfg MultiLabelMarginConfig) each(x, target *ir.Value) *ir.Value {
	const name = "multi_label_margin"
	x, target = wide(x), wide(target)
	if !valid(name, cfg, x, target) {
		return x
	}
	switch {
	case !x.DType().IsFloat() || x.Rank() != 2 || x.Dim(1) == 0:
		return fail(name, "wants scores [B C] of a floating-point type, with at least one class", x, target)
	case target.Shape() != x.Shape() || !target.DType().IsInt() && target.DType() != x.DType():
		return fail(name, fmt.Sprintf("wants a target %v, of integers or of the type of the scores", x.Shape()), x, target)
	}
	own := target // [B C]: how often each class is a label
	if target.DType().IsInt() {
		bound(name, x, target, -1)
		own = labelCounts(x, target)
	}
	b, c := x.Dim(0), x.Dim(1)
	z := ops.Sub(ops.Reshape(x, b, 1, c), ops.Reshape(x, b, c, 1)) // [B j i]
	z = hinge(ops.Add(z, ops.Scalar(x, 1)))
	zero := ops.Scalar(x, 0)
	other := ops.Select(ops.Eq(own, zero), ops.OnesLike(own), zero)
	pairs := ops.Mul(ops.Reshape(own, b, c, 1), ops.Reshape(other, b, 1, c))
	return ops.Mul(ops.Sum(ops.Mul(z, pairs), 1, 2), ops.Scalar(x, 1/float64(c)))
}

// labelCounts says how often each class of x [B C] is a label before the first
// -1; NaN for an example with another label.
func labelCounts(x, labels *ir.Value) *ir.Value {
	g, b, c := x.Graph(), x.Dim(0), x.Dim(1)
	labels = ops.Cast(labels, dtype.Int64)
	end := ops.Eq(labels, ops.FullInt(g, dtype.Int64, shape.Shape{}, -1))
	counts := ops.Eq(ops.CumSum(ops.Cast(end, dtype.Int64), 1), ops.FullInt(g, dtype.Int64, shape.Shape{}, 0)) // [B C]
	classes := ops.Iota(g, dtype.Int64, shape.Of(b, c, c), 2)
	hit := ops.And(ops.Eq(ops.Reshape(labels, b, c, 1), classes), ops.Reshape(counts, b, c, 1)) // [B label class]
	own := ops.Sum(ops.Cast(hit, x.DType()), 1)
	known := ops.Cast(ops.Any(hit, 2), x.DType()) // [B label]
	number := ops.Sum(ops.Cast(counts, x.DType()), 1)
	lost := ops.Ne(ops.Sum(known, 1), number)
	return ops.Select(ops.Reshape(lost, b, 1), ops.Scalar(x, math.NaN()), own)
}

// Target is Either.
func (MultiLabelMarginConfig) Target() Target { return Either }

// Validate tells all that is wrong.
func (cfg MultiLabelMarginConfig) Validate() error { return cfg.Reduction.validate() }
