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

// InterpolateCubic resizes the last axes of x to the extents out, one axis after
// the other, by cubic convolution: position i of m lies at (i + 1/2) n/m - 1/2,
// or with alignCorners at i (n-1)/(m-1), and is made of the two elements before
// it and the two behind, of which the first and the last stand for those outside.
// With t the distance from the nearest element before and a = -3/4 their weights
// are
//
//	w(d) = (a+2) d^3 - (a+3) d^2 + 1        at distances d of up to 1
//	w(d) = a d^3 - 5a d^2 + 8a d - 4a       of up to 2
//
// Source: Keys, "Cubic convolution interpolation for digital image processing"
// (1981), equation 15; torch.nn.functional.interpolate with mode bicubic and a
// size.
func InterpolateCubic(x *ir.Value, alignCorners bool, out ...int) *ir.Value {
	return inFloat32(x, func(x *ir.Value) *ir.Value {
		return interpolate("interpolate_cubic", x, out, func(x *ir.Value, axis, n, m int) *ir.Value {
			return cubic(x, axis, n, m, alignCorners)
		})
	})
}

// cubic resizes an axis of n elements to m.
func cubic(x *ir.Value, axis, n, m int, alignCorners bool) *ir.Value {
	const c = -0.75
	i := Iota(x.Graph(), dtype.Int64, shape.Of(m), 0)
	number := func(v int) *ir.Value { return Scalar(i, float64(v)) }
	// The position is a fraction, so that it is exact.
	above, below := Mul(i, number(n-1)), number(max(m-1, 1))
	if !alignCorners {
		above = Sub(Mul(Add(Mul(i, number(2)), number(1)), number(n)), number(m))
		below = number(2 * m)
	}
	lo := FloorDivide(above, below)
	t := Div(Cast(Sub(above, Mul(lo, below)), x.DType()), Cast(below, x.DType()))
	k := func(v float64) *ir.Value { return Scalar(t, v) }
	near := func(d *ir.Value) *ir.Value { // of a distance up to 1
		return Add(Mul(Mul(Sub(Mul(d, k(c+2)), k(c+3)), d), d), k(1))
	}
	far := func(d *ir.Value) *ir.Value { // of a distance of 1 to 2
		return Sub(Mul(Add(Mul(Sub(Mul(d, k(c)), k(5*c)), d), k(8*c)), d), k(4*c))
	}
	back := Sub(k(1), t)
	weights := []*ir.Value{far(Add(t, k(1))), near(t), near(back), far(Add(back, k(1)))}
	var y *ir.Value
	for j, w := range weights {
		at := Minimum(Maximum(Add(lo, number(j-1)), number(0)), number(n-1))
		taken := Take(x, at, axis)
		term := Mul(taken, BroadcastInDim(w, taken.Shape(), axis))
		if y == nil {
			y = term
		} else {
			y = Add(y, term)
		}
	}
	return y
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
