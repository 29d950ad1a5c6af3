package recipe

import (
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/tensor"
)

// inUnits judges numbers in the unit that the data have them in, and not as they
// are scaled for training.
type inUnits struct {
	metric.Metric
	target feature.InUnits
}

// Add counts a batch.
func (m inUnits) Add(output, target *tensor.Tensor) error {
	return m.Metric.Add(m.target.Unscale(output), m.target.Unscale(target))
}
