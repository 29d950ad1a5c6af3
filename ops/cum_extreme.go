package ops

import (
	"errors"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// CumExtremeOp gives the largest (F is AmaxFunc) or smallest (AminFunc) element
// so far along an axis, and where it is, i64. The last of equal elements is
// named; from a NaN on all values are NaN, and the last NaN is named. Reverse
// goes from the end. The gradient goes to the element that is named.
//
// Source: torch.cummax and torch.cummin. With Reverse, the last is that which
// comes last on the way.
type CumExtremeOp struct {
	F       ReduceFunc
	Axis    int
	Reverse bool
}

// CumMax gives the largest element so far along an axis, and where it is; a
// negative axis counts from the end.
func CumMax(x *ir.Value, axis int) (values, index *ir.Value) {
	out := ir.Apply(CumExtremeOp{F: AmaxFunc, Axis: fromStart(x, axis)}, x)
	return out[0], out[1]
}

// CumMin gives the smallest element so far along an axis, and where it is; a
// negative axis counts from the end.
func CumMin(x *ir.Value, axis int) (values, index *ir.Value) {
	out := ir.Apply(CumExtremeOp{F: AminFunc, Axis: fromStart(x, axis)}, x)
	return out[0], out[1]
}

// Name is "cummax" or "cummin".
func (op CumExtremeOp) Name() string {
	if op.F == AminFunc {
		return "cummin"
	}
	return "cummax"
}

func (op CumExtremeOp) String() string {
	return CumulativeOp{Axis: op.Axis, Reverse: op.Reverse}.String()
}

// NumResults is 2: values and index.
func (CumExtremeOp) NumResults() int { return 2 }

// Infer gives the operand's type, and an i64 of its shape.
func (op CumExtremeOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if op.F != AmaxFunc && op.F != AminFunc {
		return nil, errors.New("looks for the largest or the smallest element only")
	}
	if err := numbersAlong(op.Axis, in); err != nil {
		return nil, err
	}
	return []ir.Type{in[0], {DType: dtype.Int64, Shape: in[0].Shape}}, nil
}

// Flops is a comparison an element.
func (CumExtremeOp) Flops(in, _ []ir.Type) int64 { return int64(in[0].Shape.Size()) }

// Transposed works along the same axis where it has moved to.
func (op CumExtremeOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	op.Axis = moved(op.Axis, perm)
	return op, true
}

// Eval compares.
func (op CumExtremeOp) Eval(in, out []*tensor.Tensor) {
	x, y, index := in[0], out[0], tensor.Data[int64](out[1])
	beats := ArgReduceOp{F: op.F}
	eachLine(x, op.Axis, op.Reverse, func(places []int) {
		best := 0
		for i, p := range places {
			if !beats.beats(x, places[best], p) { // not worse: an equal one that comes later wins
				best = i
			}
			copyElement(y, p, x, places[best])
			index[p] = int64(best)
			if op.Reverse {
				index[p] = int64(len(places) - 1 - best)
			}
		}
	})
}

// Grad adds the gradient where the values come from.
func (op CumExtremeOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() || gout[0] == nil {
		return []*ir.Value{nil}
	}
	return []*ir.Value{ScatterAdd(ZerosLike(in[0]), out[1], gout[0], op.Axis)}
}
