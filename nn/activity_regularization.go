package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// ActivityRegularization passes x on and adds a penalty on its size to the loss
// of training:
//
//	y = x,  loss = loss + (L1 sum |x| + L2 sum x^2) / B
//
// x [B ...] of any rank from 1 on. The sums are over all elements; of a batch of
// no example the penalty is 0. In evaluation mode there is none.
//
// Source: keras.layers.ActivityRegularization, version 3, which adds the penalty
// to the loss of evaluations too.
type ActivityRegularization struct {
	L1 float64 `json:"l1" yaml:"l1"` // factor of the sum of magnitudes
	L2 float64 `json:"l2" yaml:"l2"` // factor of the sum of squares
}

// Validate tells all that is wrong.
func (l ActivityRegularization) Validate() error {
	return errors.Join(factor("l1", l.L1), factor("l2", l.L2))
}

// factor wants a number that is finite and not negative.
func factor(name string, v float64) error {
	if !(v >= 0) || math.IsInf(v, 1) {
		return fmt.Errorf("%s must be a finite number that is not negative, got %v", name, v)
	}
	return nil
}

// Forward gives x.
func (l *ActivityRegularization) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	if err := l.Validate(); err != nil {
		return refuse(c, "activity_regularization", err, x)
	}
	if x.Rank() == 0 || !x.DType().IsFloat() {
		return refuse(c, "activity_regularization", errors.New("wants floating-point numbers with an axis for the batch"), x)
	}
	if !c.Training() || x.Dim(0) == 0 {
		return x
	}
	v := x
	if v.DType().IsHalf() {
		v = ops.Cast(v, dtype.Float32)
	}
	add := func(factor float64, size *ir.Value) {
		c.AddLoss(ops.Mul(ops.Sum(size), ops.Full(c.Graph(), v.DType(), shape.Shape{}, factor/float64(x.Dim(0)))))
	}
	if l.L1 != 0 {
		add(l.L1, ops.Abs(v))
	}
	if l.L2 != 0 {
		add(l.L2, ops.Square(v))
	}
	return x
}
