package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// AdaptiveAvgPool takes the mean of windows whose number is given: x [B C ...],
// y [B C out...]. On an axis of n elements window i of m is from element i*n/m,
// rounded down, to before (i+1)*n/m, rounded up; windows may overlap, and be of
// one size or of two.
//
// Source: torch.nn.functional.adaptive_avg_pool1d, 2d and 3d.
func AdaptiveAvgPool(x *ir.Value, out ...int) *ir.Value {
	w, x, err := adaptive(x, out, true)
	if err != nil {
		return fail("adaptive_avg_pool", err, x)
	}
	y := AvgPool(x, w.Window, true)
	for axis, c := range w.cuts {
		if c != nil && y.Graph().Err() == nil { // the mean is over k elements, of which some are zeros
			share := Div(Scalar(y, float64(c.k)), Cast(c.counts(y.Graph()), y.DType()))
			y = Mul(y, BroadcastInDim(share, y.Shape(), axis))
		}
	}
	return y
}

// AdaptiveMaxPool takes the largest element of the windows of
// [AdaptiveAvgPool]; ties and NaN as for [MaxPoolOp].
//
// Source: torch.nn.functional.adaptive_max_pool1d, 2d and 3d.
func AdaptiveMaxPool(x *ir.Value, out ...int) *ir.Value {
	w, x, err := adaptive(x, out, false)
	if err != nil {
		return fail("adaptive_max_pool", err, x)
	}
	y, _ := MaxPool(x, w.Window)
	return y
}

// adaptiveWindows are windows of one size, side by side.
type adaptiveWindows struct {
	Window
	cuts [shape.MaxRank]*adaptiveCut // nil for axes whose windows were so at once
}

// adaptive brings windows of several sizes to one: where they differ, x is made
// longer, every window having k elements of its own; those behind its last are
// copies of it or, with zeros, 0.
func adaptive(x *ir.Value, out []int, zeros bool) (w adaptiveWindows, _ *ir.Value, err error) {
	if x.Graph().Err() != nil {
		return w, x, nil
	}
	if len(out) == 0 || x.Rank() < len(out)+1 {
		return w, x, fmt.Errorf("wants windows for some of the last axes, got %v for rank %d", out, x.Rank())
	}
	for a := range x.Rank() {
		w.Size[a], w.Stride[a], w.Dilation[a] = 1, 1, 1
	}
	for i, m := range out {
		axis := x.Rank() - len(out) + i
		n := x.Dim(axis)
		if m < 1 || n < 1 {
			return w, x, fmt.Errorf("axis %d: can't cut %d elements in %d windows", axis, n, m)
		}
		c := &adaptiveCut{n: n, m: m, k: n / m}
		if n%m != 0 {
			for i := range m {
				c.k = max(c.k, ((i+1)*n+m-1)/m-i*n/m)
			}
			at, valid := c.elements(x.Graph())
			x = Take(x, at, axis)
			if zeros {
				x = Select(BroadcastInDim(valid, x.Shape(), axis), x, Scalar(x, 0))
			}
			w.cuts[axis] = c
		}
		w.Size[axis], w.Stride[axis] = c.k, c.k
	}
	return w, x, nil
}

// An adaptiveCut cuts n elements in m windows of at most k.
type adaptiveCut struct{ n, m, k int }

// bounds gives, for windows i of an integer type, the first element and the one
// behind the last.
func (c *adaptiveCut) bounds(i *ir.Value) (first, end *ir.Value) {
	number := func(v int) *ir.Value { return Scalar(i, float64(v)) }
	first = Div(Mul(i, number(c.n)), number(c.m))
	next := Mul(Add(i, number(1)), number(c.n))
	return first, Div(Add(next, number(c.m-1)), number(c.m))
}

// elements gives for each of k places of m windows the element that it holds,
// and whether it is one of the window.
func (c *adaptiveCut) elements(g *ir.Graph) (at, valid *ir.Value) {
	place := Iota(g, dtype.Int64, shape.Of(c.m*c.k), 0)
	k := Scalar(place, float64(c.k))
	window := Div(place, k)
	first, end := c.bounds(window)
	at = Add(first, Sub(place, Mul(window, k)))
	return Minimum(at, Sub(end, Scalar(end, 1))), Lt(at, end)
}

// counts is the number of elements of each window, i64 [m].
func (c *adaptiveCut) counts(g *ir.Graph) *ir.Value {
	first, end := c.bounds(Iota(g, dtype.Int64, shape.Of(c.m), 0))
	return Sub(end, first)
}
