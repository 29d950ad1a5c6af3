package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// WrapIndex lets negative indices into n elements count from the end, as
// indexing by brackets does in PyTorch. The ops that take an index count from
// the start alone: for them a negative index lies outside.
func WrapIndex(idx *ir.Value, n int) *ir.Value {
	if idx.DType().IsUnsigned() {
		return idx
	}
	return Select(Lt(idx, Scalar(idx, 0)), Add(idx, Scalar(idx, float64(n))), idx)
}

// TakeAlong takes elements of x along an axis, by an index of the same rank
// that broadcasts with x on all other axes.
//
// Source: torch.take_along_dim.
func TakeAlong(x, idx *ir.Value, axis int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	a, err := x.Shape().Axis(axis)
	if err == nil && idx.Rank() != x.Rank() {
		err = errors.New("wants an index of the operand's rank")
	}
	var s shape.Shape
	if err == nil {
		s, err = shape.Broadcast(x.Shape().With(a, 1), idx.Shape().With(a, 1))
	}
	if err != nil {
		return fail("take_along", err, x, idx)
	}
	return Gather(Broadcast(x, s.With(a, x.Dim(a))), Broadcast(idx, s.With(a, idx.Dim(a))), a)
}

// GatherND takes elements, or whole slices, of x by one index for each of its
// first axes; the indices broadcast. The result has their shape and then the
// other axes of x:
//
//	y[i, b] = x[index0[i], index1[i], ..., b]
//
// Where an index lies outside, negative ones included, the result is NaN, or 0
// for integers and false for bool.
//
// Source: x[index0, index1, ...] in PyTorch, where a negative index counts from
// the end: see [WrapIndex].
func GatherND(x *ir.Value, index ...*ir.Value) *ir.Value {
	rows, at, _, err := places(x, index)
	if err != nil {
		return fail("gather_nd", err, append([]*ir.Value{x}, index...)...)
	}
	if at == nil {
		return standIn(x)
	}
	return Take(rows, at, 0)
}

// IndexPut replaces elements, or whole slices, of x by values, which broadcast
// to what [GatherND] gives. Where a place comes several times, the last wins.
//
// Source: torch.Tensor.index_put.
func IndexPut(x, values *ir.Value, index ...*ir.Value) *ir.Value {
	return indexPut("index_put", IndexCopy, x, values, index)
}

// IndexPutAdd adds values, which broadcast to what [GatherND] gives, to
// elements, or whole slices, of x. A place may come several times.
//
// Source: torch.Tensor.index_put with accumulate.
func IndexPutAdd(x, values *ir.Value, index ...*ir.Value) *ir.Value {
	return indexPut("index_put_add", IndexAdd, x, values, index)
}

func indexPut(name string, put func(x, idx, src *ir.Value, axis int) *ir.Value, x, values *ir.Value, index []*ir.Value) *ir.Value {
	rows, at, s, err := places(x, index)
	if err == nil && at != nil && values.Shape() != s {
		var b shape.Shape
		if b, err = shape.Broadcast(values.Shape(), s); err == nil && b != s {
			err = fmt.Errorf("values %v do not fit what the indices name, %v", values.Shape(), s)
		}
	}
	if err != nil {
		return fail(name, err, append([]*ir.Value{x, values}, index...)...)
	}
	if at == nil {
		return standIn(x)
	}
	return Reshape(put(rows, at, Broadcast(values, s), 0), x.Shape().Dims()...)
}

// places merges the first axes of x into one of rows, and the indices along
// them into one index of the rows, -1 where any lies outside. shape is that of
// what they name. All are nil once a mistake is kept.
func places(x *ir.Value, index []*ir.Value) (rows, at *ir.Value, named shape.Shape, err error) {
	if x.Graph().Err() != nil {
		return nil, nil, shape.Shape{}, nil
	}
	k := len(index)
	if k == 0 || k > x.Rank() {
		return nil, nil, shape.Shape{}, fmt.Errorf("wants 1 to %d indices, got %d", x.Rank(), k)
	}
	var s shape.Shape
	for _, i := range index {
		if !i.DType().IsInt() {
			return nil, nil, s, fmt.Errorf("wants an index of an integer type, got %v", i.DType())
		}
		if s, err = shape.Broadcast(s, i.Shape()); err != nil {
			return nil, nil, s, err
		}
	}
	dims := x.Shape().Dims()
	n, strides := 1, x.Shape().Strides()
	for _, d := range dims[:k] {
		n *= d
	}
	inner := 1
	for _, d := range dims[k:] {
		inner *= d
	}
	if named, err = shape.Make(append(s.Dims(), dims[k:]...)...); err != nil {
		return nil, nil, s, err
	}
	whole := func(v int) *ir.Value { return FullInt(x.Graph(), dtype.Int64, shape.Shape{}, int64(v)) }
	var inside *ir.Value
	for a, i := range index {
		i = Cast(i, dtype.Int64)
		ok := And(Ge(i, whole(0)), Lt(i, whole(dims[a])))
		i = Mul(i, whole(strides[a]/max(inner, 1)))
		if a == 0 {
			at, inside = i, ok
		} else {
			at, inside = Add(at, i), And(inside, ok)
		}
	}
	return Reshape(x, append([]int{n}, dims[k:]...)...), Select(inside, at, whole(-1)), named, nil
}

// IndexReduce combines slices src with those of x along an axis, as
// [ScatterReduce] does with elements; idx has rank 1.
//
// Source: torch.Tensor.index_reduce.
func IndexReduce(f ReduceFunc, x, idx, src *ir.Value, axis int, includeSelf bool) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	a, err := x.Shape().Axis(axis)
	if err == nil && (idx.Rank() != 1 || src.Rank() != x.Rank() || src.Shape() != x.Shape().With(a, idx.Dim(0))) {
		err = errors.New("wants an index of rank 1 and a source of as many slices")
	}
	if err != nil {
		return fail("index_reduce", err, x, idx, src)
	}
	return ScatterReduce(f, x, BroadcastInDim(idx, src.Shape(), a), src, a, includeSelf)
}
