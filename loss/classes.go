package loss

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// keptAway is how near a probability comes to 0 and 1 in the losses of Keras.
const keptAway = 1e-7

// noLabel is a label that no target has.
const noLabel = math.MinInt64

// classRows brings scores [B C ...] and their target, labels [B ...] or numbers
// of the type of x, in the form of rows [N C]; a label is 1 at its class, and a row
// of NaN where it is none. dims are those of one value for each position.
func classRows(name string, cfg Config, x, target *ir.Value) (scores, p *ir.Value, dims []int, ok bool) {
	x, target = wide(x), wide(target)
	if !valid(name, cfg, x, target) {
		return x, nil, nil, false
	}
	err := errors.New("wants a target of the type of the scores, or labels")
	switch {
	case target.DType().IsInt():
		err = checkLabels(x, target)
	case x.DType().IsFloat() && x.Type() == target.Type() && x.Rank() >= 2 && x.Dim(1) > 0:
		err = nil
	}
	if err != nil {
		return fail(name, err.Error(), x, target), nil, nil, false
	}
	dims = x.Shape().Dims()
	dims = append(dims[:1:1], dims[2:]...)
	x = rows(x)
	if target.DType().IsFloat() {
		return x, rows(target), dims, true
	}
	labels := ops.Reshape(ops.Cast(target, dtype.Int64), x.Dim(0), 1)
	bound := func(v int64) *ir.Value { return ops.FullInt(x.Graph(), dtype.Int64, shape.Shape{}, v) }
	known := ops.And(ops.Ge(labels, bound(0)), ops.Lt(labels, bound(int64(x.Dim(1)))))
	hit := ops.Eq(ops.Iota(x.Graph(), dtype.Int64, x.Shape(), 1), labels)
	p = ops.Select(hit, ops.OnesLike(x), ops.ZerosLike(x))
	return x, ops.Mul(p, ops.Select(known, ops.Scalar(x, 1), ops.Scalar(x, math.NaN()))), dims, true
}

// unit is x with vectors along the last axis of length 1; a squared length is
// taken for at least 1e-14.
func unit(x *ir.Value) *ir.Value {
	square := ops.Sum(ops.Mul(x, x), -1)
	return ops.Mul(x, ops.Unsqueeze(ops.Rsqrt(ops.Maximum(square, ops.Scalar(x, 1e-14))), x.Rank()-1))
}

// share wants a number in 0..1 under a key.
func share(key string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return fmt.Errorf("loss: %s is %v, want a number in 0..1", key, v)
	}
	return nil
}

// between wants a number above 0 and below 1 under a key.
func between(key string, v float64) error {
	if !(v > 0 && v < 1) {
		return fmt.Errorf("loss: %s is %v, want a number above 0 and below 1", key, v)
	}
	return nil
}
