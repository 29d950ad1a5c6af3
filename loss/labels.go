package loss

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// numbers is a list [N] as a value of the element type and graph of like; nil
// where the list is empty.
func numbers(like *ir.Value, list []float64) *ir.Value {
	if len(list) == 0 {
		return nil
	}
	each := make([]*ir.Value, len(list))
	for i, v := range list {
		each[i] = ops.Full(like.Graph(), like.DType(), shape.Of(1), v)
	}
	return ops.Concat(0, each...)
}

// weigh looks labels over: known are they as int64, with 0 where one is ignored,
// which need not be a class; counts are the weights of their classes, and 0 where
// one is ignored; skip tells which are.
func weigh(like, labels *ir.Value, weights []float64, ignore int64) (known, counts, skip *ir.Value) {
	labels = ops.Cast(labels, dtype.Int64)
	scalar := func(v int64) *ir.Value {
		return ops.FullInt(labels.Graph(), dtype.Int64, shape.Shape{}, v)
	}
	skip = ops.Eq(labels, scalar(ignore))
	known = ops.Select(skip, scalar(0), labels)
	if weights == nil {
		return known, ops.Cast(ops.Not(skip), like.DType()), skip
	}
	return known, ops.Select(skip, ops.Scalar(like, 0), ops.Take(numbers(like, weights), known, 0)), skip
}

// bound says that labels are classes of x [B C ...] or ignore: an exec.Func that
// has them as an argument tells of others, with value and place.
func bound(name string, x, labels *ir.Value, ignore int64) {
	labels.Graph().Bound(name, "label", labels, int64(x.Dim(1)), ignore)
}
