package ops

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
)

// TopKOp takes the K largest elements along an axis, or the smallest, in order,
// the most extreme first. Results: the values, and where in its line each comes
// from, i64. Of equal elements those that come first are taken first. NaN
// counts as larger than any number. The gradient goes to the elements that are
// taken.
//
// Source: torch.topk with sorted=True, which leaves open what is taken of equal
// elements.
type TopKOp struct {
	K, Axis  int
	Smallest bool
}

// TopK takes the k largest elements along an axis and tells where they come
// from; a negative axis counts from the end.
func TopK(x *ir.Value, k, axis int) (values, index *ir.Value) {
	out := ir.Apply(TopKOp{K: k, Axis: fromStart(x, axis)}, x)
	return out[0], out[1]
}

// BottomK takes the k smallest elements along an axis and tells where they come
// from; a negative axis counts from the end.
func BottomK(x *ir.Value, k, axis int) (values, index *ir.Value) {
	out := ir.Apply(TopKOp{K: k, Axis: fromStart(x, axis), Smallest: true}, x)
	return out[0], out[1]
}

// Name is "topk".
func (TopKOp) Name() string { return "topk" }

func (op TopKOp) String() string {
	s := fmt.Sprintf("%d axis %d", op.K, op.Axis)
	if op.Smallest {
		s += " smallest"
	}
	return s
}

// NumResults is 2: values and index.
func (TopKOp) NumResults() int { return 2 }

// Infer gives K elements along the axis.
func (op TopKOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if op.Axis < 0 || op.Axis >= s.Rank() {
		return nil, fmt.Errorf("axis %d is outside a tensor of rank %d", op.Axis, s.Rank())
	}
	if op.K < 0 || op.K > s.Dim(op.Axis) {
		return nil, fmt.Errorf("can't take %d of %d elements", op.K, s.Dim(op.Axis))
	}
	s = s.With(op.Axis, op.K)
	return []ir.Type{{DType: in[0].DType, Shape: s}, {DType: dtype.Int64, Shape: s}}, nil
}

// Flops is about log2(K) comparisons an element.
func (op TopKOp) Flops(in, _ []ir.Type) int64 {
	return int64(float64(in[0].Shape.Size()) * math.Log2(float64(max(op.K, 2))))
}

// Transposed works along the same axis where it has moved to.
func (op TopKOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	op.Axis = moved(op.Axis, perm)
	return op, true
}

// Expand sorts and cuts.
func (op TopKOp) Expand(in []*ir.Value) []*ir.Value {
	values, index := Sort(in[0], op.Axis, !op.Smallest)
	return []*ir.Value{Narrow(values, op.Axis, 0, op.K), Narrow(index, op.Axis, 0, op.K)}
}

// Grad puts the gradient back where the elements come from.
func (op TopKOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{chosen(in[0], out[1], gout[0], op.Axis)}
}

// KthValue gives the k-th smallest element along an axis, counted from 1, and
// where it is, and drops the axis; a negative axis counts from the end. NaN
// counts as larger than any number.
//
// Source: torch.kthvalue; of equal elements, torch leaves open which is named.
func KthValue(x *ir.Value, k, axis int) (value, index *ir.Value) {
	values, at := BottomK(x, k, axis)
	if x.Graph().Err() == nil && k < 1 {
		fail("kthvalue", fmt.Errorf("counts from 1, not %d", k), x)
	}
	pick := func(v *ir.Value) *ir.Value { return Squeeze(Narrow(v, axis, k-1, 1), axis) }
	return pick(values), pick(at)
}

// Median gives the median along an axis, of an even number of elements the
// lower one, and where it is, and drops the axis; a negative axis counts from
// the end. It is NaN where an element is, and names the first NaN.
//
// Source: torch.median with an axis.
func Median(x *ir.Value, axis int) (value, index *ir.Value) {
	value, index = KthValue(x, (x.Dim(axis)+1)/2, axis)
	if x.Graph().Err() != nil || !x.DType().IsFloat() {
		return value, index
	}
	most := Amax(x, axis) // NaN if there is one
	index = Select(Ne(most, most), ArgMax(x, axis), index)
	a := fromStart(x, axis)
	return Squeeze(Gather(x, Unsqueeze(index, a), a), a), index
}

// Quantile gives the q-th quantile along an axis, 0 <= q <= 1, between
// neighbours in proportion, and drops the axis; a negative axis counts from the
// end. It is NaN where an element is.
//
// Source: torch.quantile with interpolation "linear".
func Quantile(x *ir.Value, q float64, axis int) *ir.Value {
	n := x.Dim(axis)
	if x.Graph().Err() == nil {
		if err := floating(x.Type()); err != nil {
			return fail("quantile", err, x)
		}
		if !(q >= 0 && q <= 1) || n == 0 {
			return fail("quantile", fmt.Errorf("there is no quantile %v of %d elements", q, n), x)
		}
	}
	at := q * float64(n-1)
	low := int(at)
	values, _ := Sort(x, axis, false)
	pick := func(k int) *ir.Value { return Squeeze(Narrow(values, axis, k, 1), axis) }
	v := pick(low)
	if w := at - float64(low); w > 0 {
		v = Add(v, Mul(Sub(pick(low+1), v), Scalar(x, w)))
	}
	last := pick(n - 1)
	return Select(Ne(last, last), last, v)
}
