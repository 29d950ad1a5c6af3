package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/tensor"
)

// tolerance is how far floats may lie apart, as a part of a magnitude: that of
// the element itself or the largest of the tensor, and at least 1. Integers
// must be equal.
var tolerance = map[dtype.DType]float64{
	dtype.Float64: 1e-10,
	dtype.Float32: 2e-5,
	// Floats of 16 bits differ from their neighbours by up to 2^-7 and 2^-10 of
	// themselves. A result may be the neighbour of the right one, and that of a
	// composition, which the interpreter rounds after each op and a backend
	// only where it stores, a few numbers away.
	dtype.BFloat16: 4 * 0x1p-7,
	dtype.Float16:  4 * 0x1p-10,
}

// Compare tells the first place where a result of the case is not close to
// what it should be. Types and shapes must be equal; NaN equals NaN, and an
// infinity itself alone.
func (c Case) Compare(got, want *tensor.Tensor) error {
	if got.DType() != want.DType() || got.Shape() != want.Shape() {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	if !got.DType().IsFloat() {
		for i := range got.Size() {
			if got.Int(i) != want.Int(i) {
				return fmt.Errorf("element %d is %d, want %d", i, got.Int(i), want.Int(i))
			}
		}
		return nil
	}
	largest := 1.0
	for i := range want.Size() {
		if v := math.Abs(want.Float(i)); v > largest && !math.IsInf(v, 0) {
			largest = v
		}
	}
	part := tolerance[got.DType()]
	if got.DType() == dtype.Float32 && c.Loose != 0 {
		part *= c.Loose
	}
	for i := range got.Size() {
		g, w := got.Float(i), want.Float(i)
		far := part * largest
		if c.ByElement {
			far = part * max(1, math.Abs(w))
		}
		switch {
		case g == w, g != g && w != w:
		case math.Abs(g-w) <= far && !math.IsInf(w, 0):
		default:
			return fmt.Errorf("element %d is %v, want %v within %.3g", i, g, w, far)
		}
	}
	return nil
}
