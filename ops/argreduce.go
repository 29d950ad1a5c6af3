package ops

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// ArgReduceOp tells where along an axis the largest (F is AmaxFunc) or smallest
// (AminFunc) element is, i64, and drops the axis. The first of equal elements
// wins; NaN wins over numbers, the first again. The axis must not be empty. No
// gradient flows.
//
// Source: torch.argmax and torch.argmin, which leave ties open.
type ArgReduceOp struct {
	F    ReduceFunc
	Axis int
}

// ArgMax tells where the largest element along an axis is; a negative axis
// counts from the end.
func ArgMax(x *ir.Value, axis int) *ir.Value {
	return ir.Apply1(ArgReduceOp{AmaxFunc, fromStart(x, axis)}, x)
}

// ArgMin tells where the smallest element along an axis is; a negative axis
// counts from the end.
func ArgMin(x *ir.Value, axis int) *ir.Value {
	return ir.Apply1(ArgReduceOp{AminFunc, fromStart(x, axis)}, x)
}

// Name is "argmax" or "argmin".
func (op ArgReduceOp) Name() string {
	if op.F == AminFunc {
		return "argmin"
	}
	return "argmax"
}

func (op ArgReduceOp) String() string { return fmt.Sprintf("axis %d", op.Axis) }

// Infer drops the axis.
func (op ArgReduceOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if op.F != AmaxFunc && op.F != AminFunc {
		return nil, errors.New("looks for the largest or the smallest element only")
	}
	s := in[0].Shape
	if op.Axis < 0 || op.Axis >= s.Rank() {
		return nil, fmt.Errorf("axis %d is outside a tensor of rank %d", op.Axis, s.Rank())
	}
	if in[0].DType == boolType {
		return nil, errors.New("is not defined for bool; cast first")
	}
	if s.Dim(op.Axis) == 0 {
		return nil, fmt.Errorf("axis %d has no element to choose from", op.Axis)
	}
	dims := s.Dims()
	return one(dtype.Int64, shape.Of(append(dims[:op.Axis], dims[op.Axis+1:]...)...))
}

// Flops is a comparison for each element of the operand.
func (ArgReduceOp) Flops(in, _ []ir.Type) int64 { return int64(in[0].Shape.Size()) }

// Transposed works along the same axis where it has moved to, if the others
// keep their order.
func (op ArgReduceOp) Transposed(perm []int, in []ir.Type) (ir.Op, bool) {
	_, ok := ReduceOp{Axes: 1 << op.Axis}.Transposed(perm, in)
	return ArgReduceOp{op.F, moved(op.Axis, perm)}, ok
}

// Eval compares.
func (op ArgReduceOp) Eval(in, out []*tensor.Tensor) {
	x, index := in[0], tensor.Data[int64](out[0])
	strides := x.Shape().Strides()
	walk(x.Shape().With(op.Axis, 1), func(i int, at []int) {
		first := offset(at, strides)
		for p := 1; p < x.Shape().Dim(op.Axis); p++ {
			if op.beats(x, first+p*strides[op.Axis], first+int(index[i])*strides[op.Axis]) {
				index[i] = int64(p)
			}
		}
	})
}

// beats reports whether element i of x comes before element j, which is first
// in line: a NaN before all numbers, and no equal before another.
func (op ArgReduceOp) beats(x *tensor.Tensor, i, j int) bool {
	var order int
	switch dt := x.DType(); {
	case dt.IsFloat():
		a, b := x.Float(i), x.Float(j)
		if a != a || b != b {
			return a != a && b == b
		}
		order = cmp.Compare(a, b)
	case dt == dtype.Uint64:
		order = cmp.Compare(uint64(x.Int(i)), uint64(x.Int(j)))
	default:
		order = cmp.Compare(x.Int(i), x.Int(j))
	}
	if op.F == AminFunc {
		return order < 0
	}
	return order > 0
}

// Grad lets nothing flow.
func (ArgReduceOp) Grad(_, _, _ []*ir.Value) []*ir.Value { return []*ir.Value{nil} }
