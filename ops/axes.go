package ops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// Squeeze drops axes of extent 1: all of them if none is named. A named axis
// must have extent 1; a negative one counts from the end.
//
// Source: torch.squeeze, which leaves a named axis of another extent as it is.
func Squeeze(x *ir.Value, axes ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	var drop [shape.MaxRank]bool
	for _, axis := range axes {
		a, err := x.Shape().Axis(axis)
		if err == nil && x.Dim(a) != 1 {
			err = fmt.Errorf("axis %d has %d elements, not 1", axis, x.Dim(a))
		}
		if err != nil {
			return fail("squeeze", err, x)
		}
		drop[a] = true
	}
	var dims []int
	for a, d := range x.Shape().Dims() {
		if len(axes) == 0 && d != 1 || len(axes) > 0 && !drop[a] {
			dims = append(dims, d)
		}
	}
	return Reshape(x, dims...)
}

// Expand stretches x to the extents dims by NumPy's rule: axes are matched
// from the last, and an extent of 1 stretches. An extent of -1 stays as it is.
//
// Source: torch.Tensor.expand.
func Expand(x *ir.Value, dims ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	to := slices.Clone(dims)
	for i, d := range to {
		if a := i - len(to) + x.Rank(); d == -1 && a >= 0 {
			to[i] = x.Dim(a)
		}
	}
	s, err := shape.Make(to...)
	if err == nil && s.Rank() < x.Rank() {
		err = fmt.Errorf("%v has fewer axes than %v", dims, x.Shape())
	}
	if err != nil {
		return fail("expand", err, x)
	}
	return Broadcast(x, s)
}

// MoveAxis moves one axis to another place; the others keep their order.
// Negative places count from the end.
//
// Source: torch.movedim.
func MoveAxis(x *ir.Value, from, to int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	i, err1 := x.Shape().Axis(from)
	j, err2 := x.Shape().Axis(to)
	if err := errors.Join(err1, err2); err != nil {
		return fail("move_axis", fmt.Errorf("axes %d and %d are not both inside a tensor of rank %d", from, to, x.Rank()), x)
	}
	return Transpose(x, slices.Insert(slices.Delete(allAxes(x.Rank()), i, i+1), j, i)...)
}
