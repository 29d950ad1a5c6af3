package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// IotaOp counts 0, 1, 2, ... along an axis. Element types are all but bool;
// numbers that the type can't hold are rounded, or wrap around.
type IotaOp struct {
	DType dtype.DType
	Shape shape.Shape
	Axis  int
}

// Iota returns a tensor whose elements are their position on an axis; a
// negative axis counts from the end.
func Iota(g *ir.Graph, dt dtype.DType, s shape.Shape, axis int) *ir.Value {
	if a, err := s.Axis(axis); err == nil {
		axis = a
	}
	return g.Add(IotaOp{dt, s, axis})[0]
}

// Name is "iota".
func (IotaOp) Name() string { return "iota" }

func (op IotaOp) String() string { return fmt.Sprintf("axis %d", op.Axis) }

// Infer returns the op's own type.
func (op IotaOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 0); err != nil {
		return nil, err
	}
	if !op.DType.IsFloat() && !op.DType.IsInt() {
		return nil, errors.New("wants a type of numbers")
	}
	if op.Axis < 0 || op.Axis >= op.Shape.Rank() {
		return nil, fmt.Errorf("axis %d is outside a tensor of rank %d", op.Axis, op.Shape.Rank())
	}
	return one(op.DType, op.Shape)
}

// Flops is 0.
func (IotaOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Eval counts.
func (op IotaOp) Eval(_, out []*tensor.Tensor) {
	walk(op.Shape, func(i int, at []int) { out[0].SetInt(i, int64(at[op.Axis])) })
}

// Grad has nothing to return.
func (IotaOp) Grad(_, _, _ []*ir.Value) []*ir.Value { return nil }
