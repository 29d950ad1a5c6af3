package ops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// Tile puts copies of x side by side: repeats[i] of them along axis i. Fewer
// numbers than axes speak of the last axes, more make new first axes.
//
// Source: torch.tile; torch.Tensor.repeat, which wants at least as many numbers
// as axes.
func Tile(x *ir.Value, repeats ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	rank := max(x.Rank(), len(repeats))
	if rank > shape.MaxRank || slices.ContainsFunc(repeats, func(n int) bool { return n < 0 }) {
		return fail("tile", fmt.Errorf("can't repeat %v by %v", x.Shape(), repeats), x)
	}
	dims, times := padFront(x.Shape().Dims(), rank), padFront(repeats, rank)
	y := Reshape(x, dims...)
	for a, n := range times {
		if n != 1 {
			y = repeat(y, a, n, false)
		}
	}
	return y
}

// padFront puts ones before a list.
func padFront(list []int, n int) []int {
	out := slices.Repeat([]int{1}, n)
	copy(out[n-len(list):], list)
	return out
}

// RepeatInterleave repeats each element n times along an axis, before the next
// one comes; a negative axis counts from the end.
//
// Source: torch.repeat_interleave with a number. Counts known at run time only
// would make shapes that are: take by an index of fixed length instead.
func RepeatInterleave(x *ir.Value, n, axis int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	a, err := x.Shape().Axis(axis)
	if err == nil && n < 0 {
		err = fmt.Errorf("can't repeat %d times", n)
	}
	if err != nil {
		return fail("repeat_interleave", err, x)
	}
	return repeat(x, a, n, true)
}

// repeat repeats along an axis: each element, or the whole. It needs no axis
// more than x has: rows are what is before the axis, or before and with it.
func repeat(x *ir.Value, axis, n int, each bool) *ir.Value {
	dims := x.Shape().Dims()
	rows, cols := 1, 1
	for a, d := range dims {
		if a < axis || each && a == axis {
			rows *= d
		} else {
			cols *= d
		}
	}
	y := BroadcastInDim(Reshape(x, rows, cols), shape.Of(rows, n, cols), 0, 2)
	dims[axis] *= n
	return Reshape(y, dims...)
}

// Roll moves elements by shifts[i] places along axes[i]; those that leave the
// end come in again at the start.
//
// Source: torch.roll with axes.
func Roll(x *ir.Value, shifts, axes []int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if len(shifts) != len(axes) || len(axes) == 0 {
		return fail("roll", errors.New("wants one shift for each axis"), x)
	}
	for i, axis := range axes {
		a, err := x.Shape().Axis(axis)
		if err != nil {
			return fail("roll", err, x)
		}
		n := x.Dim(a)
		if n == 0 {
			continue
		}
		if cut := ((-shifts[i])%n + n) % n; cut > 0 {
			x = Concat(a, Narrow(x, a, cut, n-cut), Narrow(x, a, 0, cut))
		}
	}
	return x
}
