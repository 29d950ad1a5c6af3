package feature

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/tensor"
)

// InUnits is implemented by targets of scaled numbers.
type InUnits interface {
	Target
	// Unscale gives numbers [B ...], a batch of outputs or of targets as Encode
	// makes them, in their own unit: float64 of the same shape.
	Unscale(batch *tensor.Tensor) *tensor.Tensor
}

// Unscale undoes the scale of each column.
func (e *NumberEncoder) Unscale(batch *tensor.Tensor) *tensor.Tensor {
	return unscaled(batch, e.Shift, e.Size, e.Log)
}

// Unscale undoes the scale of each number of a step.
func (e *SeriesEncoder) Unscale(batch *tensor.Tensor) *tensor.Tensor {
	return unscaled(batch, e.Shift, e.Size, e.Log)
}

// unscaled takes numbers whose columns follow one another.
func unscaled(batch *tensor.Tensor, shift, size []float64, log bool) *tensor.Tensor {
	out := tensor.New(dtype.Float64, batch.Shape())
	for i := range batch.Size() {
		c := i % len(shift)
		out.SetFloat(i, unscale(batch.Float(i), shift[c], size[c], log))
	}
	return out
}
