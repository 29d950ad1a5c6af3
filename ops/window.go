package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// A Window says how windows lie over a tensor, axis by axis. Tap t of the
// window at position p of an axis lies at p*Stride - PadLo + t*Dilation; what
// lies outside the tensor is padding. There are
//
//	(X + PadLo + PadHi - Dilation (Size-1) - 1) / Stride + 1
//
// windows on an axis of X elements, rounded down. An axis that is not pooled
// has Size, Stride and Dilation 1 and no padding; entries beyond the rank are 0.
type Window struct {
	Size, Stride, PadLo, PadHi, Dilation [shape.MaxRank]int
}

// result gives the shape of the windows over a shape.
func (w Window) result(x shape.Shape) (y shape.Shape, err error) {
	dims := x.Dims()
	for a := range shape.MaxRank {
		size, stride, lo, hi, dilation := w.Size[a], w.Stride[a], w.PadLo[a], w.PadHi[a], w.Dilation[a]
		if a >= len(dims) {
			if size|stride|lo|hi|dilation != 0 {
				return y, fmt.Errorf("a window on axis %d is outside a tensor of rank %d", a, len(dims))
			}
			continue
		}
		if size < 1 || stride < 1 || dilation < 1 || lo < 0 || hi < 0 {
			return y, fmt.Errorf("axis %d: wants size, stride and dilation of at least 1 and no negative padding, got size %d, stride %d, dilation %d, padding %d and %d", a, size, stride, dilation, lo, hi)
		}
		span, padded := dilation*(size-1)+1, dims[a]+lo+hi
		switch {
		case padded == 0 && span == 1:
			dims[a] = 0 // an empty axis that is not pooled
		case padded < span:
			return y, fmt.Errorf("axis %d: a window over %d positions does not fit into %d", a, span, padded)
		default:
			dims[a] = (padded-span)/stride + 1
		}
	}
	return shape.Make(dims...)
}

// Ceil lets the last window of each axis reach beyond the padding of x, where
// windows would leave elements out: PadHi grows. A window must begin within x or
// the padding before it.
//
// Source: ceil_mode of torch.nn.functional.max_pool2d and others.
func (w Window) Ceil(x shape.Shape) Window {
	for a := range x.Rank() {
		size, stride, lo, hi := w.Size[a], w.Stride[a], w.PadLo[a], w.PadHi[a]
		span := w.Dilation[a]*(size-1) + 1
		rest := x.Dim(a) + lo + hi - span
		if size == 1 && stride == 1 || stride < 1 || rest < 0 {
			continue
		}
		last := (rest + stride - 1) / stride * stride // where the last window begins
		if last >= x.Dim(a)+lo {
			last -= stride
		}
		w.PadHi[a] = max(0, last+span-x.Dim(a)-lo)
	}
	return w
}

// taps is the shape of one window.
func (w Window) taps(rank int) shape.Shape { return shape.Of(w.Size[:rank]...) }

// at gives the position in x of a tap of the window at p; inside is false for
// padding.
func (w Window) at(x shape.Shape, strides, p, tap []int) (xi int, inside bool) {
	for a := range p {
		i := p[a]*w.Stride[a] - w.PadLo[a] + tap[a]*w.Dilation[a]
		if i < 0 || i >= x.Dim(a) {
			return 0, false
		}
		xi += i * strides[a]
	}
	return xi, true
}

// each calls f for all taps of all windows over x that are no padding: with
// the position in x, that in the result y, and the number of the tap,
// row-major in the window.
func (w Window) each(x, y shape.Shape, f func(xi, yi, tap int)) {
	strides, taps := x.Strides(), w.taps(x.Rank())
	walk(y, func(yi int, p []int) {
		walk(taps, func(t int, tap []int) {
			if xi, inside := w.at(x, strides, p, tap); inside {
				f(xi, yi, t)
			}
		})
	})
}

// transposed permutes the axes.
func (w Window) transposed(perm []int) (to Window) {
	for i, p := range perm {
		to.Size[i], to.Stride[i], to.Dilation[i] = w.Size[p], w.Stride[p], w.Dilation[p]
		to.PadLo[i], to.PadHi[i] = w.PadLo[p], w.PadHi[p]
	}
	return to
}

// keepsTaps reports whether taps have the same numbers once axes are permuted:
// axes with more than one tap must keep their order.
func (w Window) keepsTaps(perm []int) bool {
	last := -1
	for _, p := range perm {
		if w.Size[p] == 1 {
			continue
		}
		if p < last {
			return false
		}
		last = p
	}
	return true
}

// flops is one operation for each tap of each window.
func (w Window) flops(y shape.Shape) int64 {
	return int64(y.Size()) * int64(w.taps(y.Rank()).Size())
}

// String prints the axes that are pooled.
func (w Window) String() (s string) {
	for a := range shape.MaxRank {
		size, stride, lo, hi, dilation := w.Size[a], w.Stride[a], w.PadLo[a], w.PadHi[a], w.Dilation[a]
		if size <= 1 && stride <= 1 && lo == 0 && hi == 0 {
			continue
		}
		if s != "" {
			s += ", "
		}
		s += fmt.Sprintf("axis %d size %d stride %d pad %d %d dilation %d", a, size, stride, lo, hi, dilation)
	}
	return s
}

// permuted gives a shape with its axes in another order.
func permuted(s shape.Shape, perm []int) shape.Shape {
	dims := make([]int, len(perm))
	for i, p := range perm {
		dims[i] = s.Dim(p)
	}
	return shape.Of(dims...)
}

// spreads checks a gradient or an index of windows over shape against y, the
// shape that windows over it have.
func (w Window) spreads(over shape.Shape, in ...ir.Type) error {
	y, err := w.result(over)
	if err != nil {
		return err
	}
	for _, t := range in {
		if t.Shape != y {
			return fmt.Errorf("windows over %v give %v, not %v", over, y, t.Shape)
		}
	}
	return nil
}
