package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// GatherOp takes single elements of x along an axis. Operands: x, and idx of
// the rank of x and any integer type, on no other axis longer than x. The
// result has the shape of idx:
//
//	y[a, i, b] = x[a, idx[a, i, b], b]
//
// An index outside 0..n-1, negative ones included, gives NaN, or 0 for
// integers and false for bool.
//
// Source: torch.gather.
type GatherOp struct{ Axis int }

// Gather takes elements of x along an axis; a negative axis counts from the
// end.
func Gather(x, idx *ir.Value, axis int) *ir.Value {
	return ir.Apply1(GatherOp{fromStart(x, axis)}, x, idx)
}

// Name is "gather".
func (GatherOp) Name() string { return "gather" }

func (op GatherOp) String() string { return fmt.Sprintf("axis %d", op.Axis) }

// Infer gives the shape of idx.
func (op GatherOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if err := gathered(in[0], in[1], op.Axis); err != nil {
		return nil, err
	}
	return one(in[0].DType, in[1].Shape)
}

// gathered checks that an index fits x.
func gathered(x, idx ir.Type, axis int) error {
	if err := indexed(x, idx, axis); err != nil {
		return err
	}
	if idx.Shape.Rank() != x.Shape.Rank() {
		return errors.New("wants an index of the operand's rank")
	}
	for a := range x.Shape.Rank() {
		if a != axis && idx.Shape.Dim(a) > x.Shape.Dim(a) {
			return fmt.Errorf("the index is longer than the operand on axis %d: %d against %d", a, idx.Shape.Dim(a), x.Shape.Dim(a))
		}
	}
	return nil
}

// Flops is 0: elements are copied.
func (GatherOp) Flops(_, _ []ir.Type) int64 { return 0 }

// eachGathered calls f with all positions in idx, and those of the elements of
// x that they stand for, or -1 where the index is outside.
func eachGathered(x shape.Shape, idx *tensor.Tensor, axis int, f func(yi, xi int)) {
	strides := x.Strides()
	walk(idx.Shape(), func(yi int, at []int) {
		i := idx.Int(yi)
		if i < 0 || i >= int64(x.Dim(axis)) {
			f(yi, -1)
			return
		}
		f(yi, offset(at, strides)+(int(i)-at[axis])*strides[axis])
	})
}

// Eval copies.
func (op GatherOp) Eval(in, out []*tensor.Tensor) {
	x, idx, y := in[0], in[1], out[0]
	eachGathered(x.Shape(), idx, op.Axis, func(yi, xi int) {
		if xi < 0 {
			outside(y, yi)
		} else {
			copyElement(y, yi, x, xi)
		}
	})
}

// Grad adds the gradient where elements were taken.
func (op GatherOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() {
		return []*ir.Value{nil, nil}
	}
	return []*ir.Value{ScatterAdd(ZerosLike(in[0]), in[1], gout[0], op.Axis), nil}
}
