package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// IotaOp counts 0, 1, 2, ... along one axis and repeats along the others.
type IotaOp struct {
	DType dtype.DType
	Shape shape.Shape
	Axis  int
}

// Iota returns a tensor whose elements are their own coordinate on an axis.
func Iota(g *ir.Graph, dt dtype.DType, s shape.Shape, axis int) *ir.Value {
	if a, err := s.Axis(axis); err == nil {
		axis = a
	}
	return g.Add(IotaOp{dt, s, axis})[0]
}

// Name is "iota".
func (IotaOp) Name() string { return "iota" }

// Infer returns the op's own type.
func (op IotaOp) Infer([]ir.Type) ([]ir.Type, error) {
	if op.Axis < 0 || op.Axis >= op.Shape.Rank() {
		return nil, fmt.Errorf("axis %d is outside a tensor of rank %d", op.Axis, op.Shape.Rank())
	}
	if op.DType == dtype.Bool {
		return nil, errors.New("bool can't count")
	}
	return one(op.DType, op.Shape)
}

// Eval counts.
func (op IotaOp) Eval(_, out []*tensor.Tensor) {
	walk(op.Shape, func(i int, at []int) { out[0].SetFloat(i, float64(at[op.Axis])) })
}

// Grad has nothing to return.
func (IotaOp) Grad(_, _, _ []*ir.Value) []*ir.Value { return nil }
