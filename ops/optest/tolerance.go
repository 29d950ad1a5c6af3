package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/tensor"
)

// tolerance is how far results may lie apart, as a part of the largest finite
// magnitude among them or of 1, whichever is larger. Integers must be equal.
var tolerance = map[dtype.DType]float64{
	dtype.Float64: 1e-10,
	dtype.Float32: 2e-5,
}

// Compare tells the first place where got is not close to want; types and
// shapes must be equal, NaN equals NaN, and an infinity equals itself alone.
func Compare(got, want *tensor.Tensor) error {
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
	scale := 1.0
	for i := range want.Size() {
		if v := math.Abs(want.Float(i)); v > scale && !math.IsInf(v, 0) {
			scale = v
		}
	}
	return within(got, want, tolerance[got.DType()]*scale)
}

func within(got, want *tensor.Tensor, far float64) error {
	for i := range got.Size() {
		g, w := got.Float(i), want.Float(i)
		switch {
		case g == w, g != g && w != w:
		case math.Abs(g-w) <= far && !math.IsInf(w, 0):
		default:
			return fmt.Errorf("element %d is %v, want %v within %.3g", i, g, w, far)
		}
	}
	return nil
}
