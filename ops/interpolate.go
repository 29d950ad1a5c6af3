package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// InterpolateNearest resizes the last axes of x to the extents out: position i
// of m takes element i*n/m, rounded down, of n.
//
// Source: torch.nn.functional.interpolate with mode nearest and a size; PyTorch
// finds the position in float32, which may fall on the neighbour where i*n/m is
// a whole number.
func InterpolateNearest(x *ir.Value, out ...int) *ir.Value {
	return interpolate("interpolate_nearest", x, out, func(x *ir.Value, axis, n, m int) *ir.Value {
		i := Iota(x.Graph(), dtype.Int64, shape.Of(m), 0)
		return Take(x, Div(Mul(i, Scalar(i, float64(n))), Scalar(i, float64(m))), axis)
	})
}

// InterpolateLinear resizes the last axes of x to the extents out, one axis
// after the other: position i of m lies at
//
//	(i + 1/2) n/m - 1/2, but not below 0
//
// between the elements 0 to n-1, or with alignCorners at i (n-1)/(m-1), so that
// the first and last positions are elements, and is their mean by distance;
// behind the last element it is that.
//
// Source: torch.nn.functional.interpolate with modes linear, bilinear and
// trilinear and a size.
func InterpolateLinear(x *ir.Value, alignCorners bool, out ...int) *ir.Value {
	return interpolate("interpolate_linear", x, out, func(x *ir.Value, axis, n, m int) *ir.Value {
		i := Iota(x.Graph(), dtype.Int64, shape.Of(m), 0)
		number := func(v int) *ir.Value { return Scalar(i, float64(v)) }
		// The position is a fraction, so that it is exact.
		above, below := Mul(i, number(n-1)), number(max(m-1, 1))
		if !alignCorners {
			above = Sub(Mul(Add(Mul(i, number(2)), number(1)), number(n)), number(m))
			above, below = Maximum(above, number(0)), number(2*m)
		}
		lo := Minimum(Div(above, below), number(n-1))
		hi := Minimum(Add(lo, number(1)), number(n-1))
		rest := Div(Cast(Sub(above, Mul(lo, below)), x.DType()), Cast(below, x.DType()))
		a, b := Take(x, lo, axis), Take(x, hi, axis)
		return Add(a, Mul(BroadcastInDim(rest, a.Shape(), axis), Sub(b, a)))
	})
}

// interpolate resizes one axis after the other.
func interpolate(name string, x *ir.Value, out []int, resize func(x *ir.Value, axis, n, m int) *ir.Value) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if !x.DType().IsFloat() {
		return fail(name, fmt.Errorf("wants a floating-point type, got %v", x.DType()), x)
	}
	if len(out) == 0 || x.Rank() < len(out)+1 {
		return fail(name, fmt.Errorf("wants extents for some of the last axes, got %v for rank %d", out, x.Rank()), x)
	}
	for i, m := range out {
		axis := x.Rank() - len(out) + i
		n := x.Dim(axis)
		if n < 1 || m < 1 {
			return fail(name, fmt.Errorf("axis %d: can't resize %d elements to %d", axis, n, m), x)
		}
		if n != m {
			x = resize(x, axis, n, m)
		}
	}
	return x
}
