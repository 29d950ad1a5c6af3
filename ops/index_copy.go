package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// IndexCopyOp replaces whole slices of a tensor along an axis. Operands: x; idx
// of any shape and any integer type; src of the shape that [TakeOp] gives for
// both. The result is x, with
//
//	y[a, idx[i], b] = src[a, i, b]
//
// Where one index comes several times, the last wins, and it alone has a
// gradient. An index outside 0..n-1 changes nothing, and the gradient by its
// part of src is 0.
//
// Source: torch.Tensor.index_copy, for an index of any shape.
type IndexCopyOp struct{ Axis int }

// IndexCopy replaces slices of x by src along an axis; a negative axis counts
// from the end.
func IndexCopy(x, idx, src *ir.Value, axis int) *ir.Value {
	return ir.Apply1(IndexCopyOp{fromStart(x, axis)}, x, idx, src)
}

// Name is "index_copy".
func (IndexCopyOp) Name() string { return "index_copy" }

func (op IndexCopyOp) String() string { return fmt.Sprintf("axis %d", op.Axis) }

// Infer wants x, idx and src.
func (op IndexCopyOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 3); err != nil {
		return nil, err
	}
	s, err := taken(in[0], in[1], op.Axis)
	if err != nil {
		return nil, err
	}
	if want := (ir.Type{DType: in[0].DType, Shape: s}); in[2] != want {
		return nil, fmt.Errorf("wants a source %v", want)
	}
	return in[:1], nil
}

// Flops is 0: elements are copied.
func (IndexCopyOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Eval copies.
func (op IndexCopyOp) Eval(in, out []*tensor.Tensor) {
	x, idx, src, y := in[0], in[1], in[2], out[0]
	copy(y.Bytes(), x.Bytes())
	eachTaken(x.Shape(), idx, op.Axis, func(si, yi int) {
		if yi >= 0 {
			copyElement(y, yi, src, si)
		}
	})
}

// Grad goes to src where it won, else to x.
func (op IndexCopyOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	x, idx, src, g := in[0], in[1], in[2], gout[0]
	if !x.DType().IsFloat() {
		return []*ir.Value{nil, nil, nil}
	}
	won := winners(idx, func(number *ir.Value) *ir.Value { // a number for each slice
		nobody := FullInt(x.Graph(), dtype.Int64, shape.Of(x.Dim(op.Axis)), 0)
		return Take(IndexCopy(nobody, idx, number, 0), idx, 0)
	})
	around := make([]int, src.Rank())
	for a := range around {
		around[a] = 1
	}
	copy(around[op.Axis:], idx.Shape().Dims())
	won = Reshape(won, around...)
	return []*ir.Value{ir.Apply1(op, g, idx, ZerosLike(src)), nil, Select(won, ir.Apply1(TakeOp(op), g, idx), ZerosLike(src))}
}
