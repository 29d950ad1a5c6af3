package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// DynamicSliceOp takes a block of a fixed size from a place known at run time
// only. Operands: x, and for each axis of x the start, of rank 0 and any
// integer type. A start is moved so that the block lies inside: to 0 from
// below, and to extent - size from above.
//
// Source: StableHLO dynamic_slice; jax.lax.dynamic_slice, which also counts a
// negative start from the end.
type DynamicSliceOp struct{ Size shape.Shape }

// DynamicSlice takes a block of the given extents from x, from one start an
// axis on.
func DynamicSlice(x *ir.Value, size []int, starts ...*ir.Value) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	s, err := shape.Make(size...)
	if err != nil {
		return fail("dynamic_slice", err, x)
	}
	return ir.Apply1(DynamicSliceOp{s}, append([]*ir.Value{x}, starts...)...)
}

// DynamicNarrow takes length elements of one axis from a start known at run
// time on; a negative axis counts from the end.
func DynamicNarrow(x *ir.Value, axis int, start *ir.Value, length int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	a, err := x.Shape().Axis(axis)
	if err != nil {
		return fail("dynamic_slice", err, x)
	}
	size := x.Shape().Dims()
	size[a] = length
	return DynamicSlice(x, size, startsAt(x, a, start)...)
}

// startsAt gives starts of 0 on all axes but one.
func startsAt(x *ir.Value, axis int, start *ir.Value) []*ir.Value {
	starts := make([]*ir.Value, x.Rank())
	for a := range starts {
		starts[a] = FullInt(x.Graph(), dtype.Int32, shape.Shape{}, 0)
	}
	starts[axis] = start
	return starts
}

// Name is "dynamic_slice".
func (DynamicSliceOp) Name() string { return "dynamic_slice" }

func (op DynamicSliceOp) String() string { return op.Size.String() }

// Infer gives the size.
func (op DynamicSliceOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := insideBlock(in, 1, op.Size); err != nil {
		return nil, err
	}
	return one(in[0].DType, op.Size)
}

// insideBlock checks that a block fits into operand 0, and the starts from
// operand first on.
func insideBlock(in []ir.Type, first int, size shape.Shape) error {
	if len(in) < first {
		return fmt.Errorf("wants at least %d operands, got %d", first, len(in))
	}
	x := in[0].Shape
	if size.Rank() != x.Rank() {
		return fmt.Errorf("a block %v has another rank than the operand", size)
	}
	if len(in) != first+x.Rank() {
		return fmt.Errorf("wants one start for each of %d axes, got %d", x.Rank(), len(in)-first)
	}
	for a := range x.Rank() {
		if size.Dim(a) > x.Dim(a) {
			return fmt.Errorf("axis %d of %d elements has no block of %d", a, x.Dim(a), size.Dim(a))
		}
	}
	for _, t := range in[first:] {
		if !t.DType.IsInt() || t.Shape.Rank() != 0 {
			return fmt.Errorf("wants starts of rank 0 and an integer type, got %v", t)
		}
	}
	return nil
}

// Flops is 0: elements are copied.
func (DynamicSliceOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Eval copies.
func (op DynamicSliceOp) Eval(in, out []*tensor.Tensor) {
	eachInBlock(in[0].Shape(), op.Size, in[1:], func(xi, i int) { copyElement(out[0], i, in[0], xi) })
}

// eachInBlock calls f with the places in x and in the block of each element of
// the block.
func eachInBlock(x, size shape.Shape, starts []*tensor.Tensor, f func(xi, i int)) {
	strides, base := x.Strides(), 0
	for a, s := range starts {
		base += clampStart(s, x.Dim(a)-size.Dim(a)) * strides[a]
	}
	walk(size, func(i int, at []int) { f(base+offset(at, strides), i) })
}

// clampStart moves a start to 0..last.
func clampStart(s *tensor.Tensor, last int) int {
	v := s.Int(0)
	if v < 0 && s.DType() == dtype.Uint64 { // beyond int64
		v = math.MaxInt64
	}
	return int(max(0, min(v, int64(last))))
}

// Grad puts the gradient in its place among zeros.
func (op DynamicSliceOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	grads := make([]*ir.Value, len(in))
	if in[0].DType().IsFloat() {
		grads[0] = DynamicUpdate(ZerosLike(in[0]), gout[0], in[1:]...)
	}
	return grads
}

// DynamicUpdateOp replaces a block of a tensor at a place known at run time
// only. Operands: x, the block, of the rank and type of x, and for each axis
// the start, which is moved as [DynamicSliceOp] says.
//
// The new value of a variable that is an update of the old one is written in
// place, without a copy, where nothing reads the old one later.
//
// Source: StableHLO dynamic_update_slice; jax.lax.dynamic_update_slice, which
// also counts a negative start from the end.
type DynamicUpdateOp struct{}

// DynamicUpdate replaces a block of x from one start an axis on.
func DynamicUpdate(x, block *ir.Value, starts ...*ir.Value) *ir.Value {
	return ir.Apply1(DynamicUpdateOp{}, append([]*ir.Value{x, block}, starts...)...)
}

// DynamicUpdateAxis replaces elements of one axis of x from a start known at
// run time on; the block has the other extents of x. A negative axis counts
// from the end.
func DynamicUpdateAxis(x, block *ir.Value, axis int, start *ir.Value) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	a, err := x.Shape().Axis(axis)
	if err == nil && (block.Rank() != x.Rank() || block.Shape().With(a, 0) != x.Shape().With(a, 0)) {
		err = fmt.Errorf("shapes differ on another axis than %d", a)
	}
	if err != nil {
		return fail("dynamic_update", err, x, block)
	}
	return DynamicUpdate(x, block, startsAt(x, a, start)...)
}

// Name is "dynamic_update".
func (DynamicUpdateOp) Name() string { return "dynamic_update" }

func (DynamicUpdateOp) String() string { return "" }

// Infer gives the type of x.
func (DynamicUpdateOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if len(in) < 2 {
		return nil, fmt.Errorf("wants at least 2 operands, got %d", len(in))
	}
	if in[1].DType != in[0].DType {
		return nil, errors.New("element types differ")
	}
	if err := insideBlock(in, 2, in[1].Shape); err != nil {
		return nil, err
	}
	return in[:1], nil
}

// Flops is 0: elements are copied.
func (DynamicUpdateOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Eval copies.
func (DynamicUpdateOp) Eval(in, out []*tensor.Tensor) {
	copy(out[0].Bytes(), in[0].Bytes())
	eachInBlock(in[0].Shape(), in[1].Shape(), in[2:], func(xi, i int) { copyElement(out[0], xi, in[1], i) })
}

// Grad takes the block out of the gradient.
func (DynamicUpdateOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	grads := make([]*ir.Value, len(in))
	if in[0].DType().IsFloat() {
		grads[0] = DynamicUpdate(gout[0], ZerosLike(in[1]), in[2:]...)
		grads[1] = DynamicSlice(gout[0], in[1].Shape().Dims(), in[2:]...)
	}
	return grads
}
