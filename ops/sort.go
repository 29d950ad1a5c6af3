package ops

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// SortOp sorts the lines along an axis. Results: the values, and where in its
// line each comes from, i64. The order is stable: equal elements, and also NaNs
// and 0 and -0 among themselves, stay in the order in which they are. NaN
// counts as larger than any number: it comes last, or first if Descending.
// The gradient goes to the elements where they come from.
//
// Source: torch.sort with stable=True.
type SortOp struct {
	Axis       int
	Descending bool
}

// Sort sorts along an axis and tells where the elements come from; a negative
// axis counts from the end.
func Sort(x *ir.Value, axis int, descending bool) (values, index *ir.Value) {
	out := ir.Apply(SortOp{fromStart(x, axis), descending}, x)
	return out[0], out[1]
}

// ArgSort tells where the elements in order come from; a negative axis counts
// from the end.
func ArgSort(x *ir.Value, axis int, descending bool) *ir.Value {
	_, index := Sort(x, axis, descending)
	return index
}

// Name is "sort".
func (SortOp) Name() string { return "sort" }

func (op SortOp) String() string {
	if op.Descending {
		return fmt.Sprintf("axis %d descending", op.Axis)
	}
	return fmt.Sprintf("axis %d", op.Axis)
}

// NumResults is 2: values and index.
func (SortOp) NumResults() int { return 2 }

// Infer gives the operand's type, and an i64 of its shape.
func (op SortOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if op.Axis < 0 || op.Axis >= in[0].Shape.Rank() {
		return nil, fmt.Errorf("axis %d is outside a tensor of rank %d", op.Axis, in[0].Shape.Rank())
	}
	return []ir.Type{in[0], {DType: dtype.Int64, Shape: in[0].Shape}}, nil
}

// Flops is about log2(n) comparisons an element of lines of n.
func (op SortOp) Flops(in, _ []ir.Type) int64 {
	n := in[0].Shape.Dim(op.Axis)
	return int64(float64(in[0].Shape.Size()) * math.Log2(float64(max(n, 2))))
}

// Transposed works along the same axis where it has moved to.
func (op SortOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	op.Axis = moved(op.Axis, perm)
	return op, true
}

// Eval sorts line by line.
func (op SortOp) Eval(in, out []*tensor.Tensor) {
	x, values, index := in[0], out[0], tensor.Data[int64](out[1])
	order := make([]int, x.Shape().Dim(op.Axis))
	eachLine(x, op.Axis, false, func(places []int) {
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int {
			if op.Descending {
				i, j = j, i
			}
			return compareElements(x, places[i], places[j])
		})
		for i, from := range order {
			copyElement(values, places[i], x, places[from])
			index[places[i]] = int64(from)
		}
	})
}

// compareElements orders two elements of a tensor, NaN behind all numbers.
func compareElements(x *tensor.Tensor, i, j int) int {
	switch {
	case x.DType().IsFloat():
		a, b := x.Float(i), x.Float(j)
		if a != a || b != b {
			return cmp.Compare(number(a != a), number(b != b))
		}
		return cmp.Compare(a, b)
	case x.DType() == dtype.Uint64:
		return cmp.Compare(uint64(x.Int(i)), uint64(x.Int(j)))
	}
	return cmp.Compare(x.Int(i), x.Int(j))
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Grad puts the gradient back where the elements come from.
func (op SortOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{chosen(in[0], out[1], gout[0], op.Axis)}
}

// chosen is the gradient by x of elements picked from it along an axis.
func chosen(x, index, g *ir.Value, axis int) *ir.Value {
	if !x.DType().IsFloat() || g == nil {
		return nil
	}
	return ScatterAdd(ZerosLike(x), index, g, axis)
}
