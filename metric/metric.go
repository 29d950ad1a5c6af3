package metric

import "github.com/gradus-ml/gradus/tensor"

// A Metric judges outputs of a model, batch by batch.
type Metric interface {
	// Add counts a batch: outputs of the model, and the targets.
	Add(output, target *tensor.Tensor) error
	// Value is that of all batches since Reset; NaN when there are none.
	Value() float64
	Reset()
}
