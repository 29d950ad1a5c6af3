package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// TakeOp takes whole slices of x along an axis. Operands: x, and idx of any
// shape and any integer type; the result has the axes of idx in the place of
// Axis:
//
//	y[a, i, b] = x[a, idx[i], b]
//
// An index outside 0..n-1, negative ones included, gives NaN, or 0 for
// integers and false for bool.
//
// Source: torch.index_select, and for axis 0 torch.nn.functional.embedding,
// for an index of any shape.
type TakeOp struct{ Axis int }

// Take takes slices of x along an axis; a negative axis counts from the end.
func Take(x, idx *ir.Value, axis int) *ir.Value {
	return ir.Apply1(TakeOp{fromStart(x, axis)}, x, idx)
}

// Name is "take".
func (TakeOp) Name() string { return "take" }

func (op TakeOp) String() string { return fmt.Sprintf("axis %d", op.Axis) }

// Infer puts the axes of idx in the place of Axis.
func (op TakeOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	y, err := taken(in[0], in[1], op.Axis)
	if err != nil {
		return nil, err
	}
	return one(in[0].DType, y)
}

// indexed checks the axis that an index counts along, and the index's type.
func indexed(x, idx ir.Type, axis int) error {
	if axis < 0 || axis >= x.Shape.Rank() {
		return fmt.Errorf("axis %d is outside a tensor of rank %d", axis, x.Shape.Rank())
	}
	if !idx.DType.IsInt() {
		return fmt.Errorf("wants an index of an integer type, got %v", idx.DType)
	}
	return nil
}

// taken is the shape of what an index takes.
func taken(x, idx ir.Type, axis int) (shape.Shape, error) {
	if err := indexed(x, idx, axis); err != nil {
		return shape.Shape{}, err
	}
	dims := x.Shape.Dims()
	return shape.Make(append(append(append([]int(nil), dims[:axis]...), idx.Shape.Dims()...), dims[axis+1:]...)...)
}

// Flops is 0: elements are copied.
func (TakeOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Transposed is there for an index of rank 1, which leaves axes where they are.
func (op TakeOp) Transposed(perm []int, in []ir.Type) (ir.Op, bool) {
	return TakeOp{moved(op.Axis, perm)}, in[1].Shape.Rank() == 1
}

// outside stores what a read out of range gives.
func outside(to *tensor.Tensor, i int) {
	if to.DType().IsFloat() {
		to.SetFloat(i, math.NaN())
	}
}

// copyElement copies one element, bit by bit.
func copyElement(to *tensor.Tensor, i int, from *tensor.Tensor, j int) {
	size := to.DType().Size()
	copy(to.Bytes()[i*size:(i+1)*size], from.Bytes()[j*size:])
}

// eachTaken calls f with all positions in the result y, and those of the
// elements of x that they stand for, or -1 where the index is outside.
func eachTaken(x shape.Shape, idx *tensor.Tensor, axis int, f func(yi, xi int)) {
	before, inner := 1, 1
	for a, d := range x.Dims() {
		if a < axis {
			before *= d
		} else if a > axis {
			inner *= d
		}
	}
	n, k := x.Dim(axis), idx.Size()
	for b := range before {
		for i := range k {
			at := idx.Int(i)
			for c := range inner {
				yi := (b*k+i)*inner + c
				if at < 0 || at >= int64(n) {
					f(yi, -1)
				} else {
					f(yi, (b*n+int(at))*inner+c)
				}
			}
		}
	}
}

// Eval copies.
func (op TakeOp) Eval(in, out []*tensor.Tensor) {
	x, idx, y := in[0], in[1], out[0]
	eachTaken(x.Shape(), idx, op.Axis, func(yi, xi int) {
		if xi < 0 {
			outside(y, yi)
		} else {
			copyElement(y, yi, x, xi)
		}
	})
}

// Grad adds the gradient into the slices that were taken.
func (op TakeOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() {
		return []*ir.Value{nil, nil}
	}
	return []*ir.Value{ir.Apply1(IndexAddOp(op), ZerosLike(in[0]), in[1], gout[0]), nil}
}

// IndexAddOp adds slices into a tensor along an axis. Operands: x; idx of any
// shape and any integer type; src of the shape that [TakeOp] gives for both.
// The result is x, with
//
//	y[a, idx[i], b] += src[a, i, b]
//
// for all i in row-major order; one index may come several times. An index
// outside adds nothing, and the gradient by its part of src is NaN.
//
// Source: torch.Tensor.index_add, for an index of any shape.
type IndexAddOp struct{ Axis int }

// IndexAdd adds slices src into x along an axis; a negative axis counts from
// the end.
func IndexAdd(x, idx, src *ir.Value, axis int) *ir.Value {
	return ir.Apply1(IndexAddOp{fromStart(x, axis)}, x, idx, src)
}

// Name is "index_add".
func (IndexAddOp) Name() string { return "index_add" }

func (op IndexAddOp) String() string { return fmt.Sprintf("axis %d", op.Axis) }

// Infer wants x, idx and src.
func (op IndexAddOp) Infer(in []ir.Type) ([]ir.Type, error) {
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
	if in[0].DType == boolType {
		return nil, errors.New("is not defined for bool")
	}
	return in[:1], nil
}

// Flops is an addition for each element of src.
func (IndexAddOp) Flops(in, _ []ir.Type) int64 { return int64(in[2].Shape.Size()) }

// Transposed is there for an index of rank 1, which leaves axes where they are.
func (op IndexAddOp) Transposed(perm []int, in []ir.Type) (ir.Op, bool) {
	return IndexAddOp{moved(op.Axis, perm)}, in[1].Shape.Rank() == 1
}

// Eval adds up in float64, or exactly.
func (op IndexAddOp) Eval(in, out []*tensor.Tensor) {
	x, idx, src := in[0], in[1], in[2]
	addInto(x, src, out[0], func(f func(si, yi int)) { eachTaken(x.Shape(), idx, op.Axis, f) })
}

// addInto copies x to y and adds elements of src where pairs says; a position
// of -1 is left out.
func addInto(x, src, y *tensor.Tensor, pairs func(f func(si, yi int))) {
	if x.DType().IsInt() {
		copy(y.Bytes(), x.Bytes())
		pairs(func(si, yi int) {
			if yi >= 0 {
				y.SetInt(yi, y.Int(yi)+src.Int(si))
			}
		})
		return
	}
	sums := make([]float64, y.Size())
	for i := range sums {
		sums[i] = x.Float(i)
	}
	pairs(func(si, yi int) {
		if yi >= 0 {
			sums[yi] += src.Float(si)
		}
	})
	store(y, sums)
}

// Grad passes on to x, and takes for src.
func (op IndexAddOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() {
		return []*ir.Value{nil, nil, nil}
	}
	return []*ir.Value{gout[0], nil, ir.Apply1(TakeOp(op), gout[0], in[1])}
}
