package metric

import (
	"math"

	"github.com/gradus-ml/gradus/tensor"
)

// OfMatrix is a figure of a confusion matrix that is filled batch by batch: of as
// many classes as the scores have. Samples whose label is *IgnoreIndex are left
// out, if IgnoreIndex is not nil.
//
//	m := metric.OfMatrix{Figure: func(m *metric.ConfusionMatrix) float64 { return m.FBeta(2, metric.Weighted) }}
type OfMatrix struct {
	Figure      func(m *ConfusionMatrix) float64
	IgnoreIndex *int64

	matrix *ConfusionMatrix // nil before the first batch
}

// Add counts a batch: scores [N V ...]; labels [N ...].
func (o *OfMatrix) Add(scores, labels *tensor.Tensor) error {
	b, err := newBatch(scores, labels)
	if err != nil {
		return err
	}
	m := o.matrix
	if m == nil {
		if m, err = NewConfusionMatrix(b.classes); err != nil {
			return err
		}
		m.IgnoreIndex = o.IgnoreIndex
	}
	if err := m.Add(scores, labels); err != nil {
		return err
	}
	o.matrix = m
	return nil
}

// Merge adds what another has seen.
func (o *OfMatrix) Merge(other *OfMatrix) error {
	if other.matrix == nil {
		return nil
	}
	if o.matrix == nil {
		m, err := NewConfusionMatrix(other.matrix.classes)
		if err != nil {
			return err
		}
		m.IgnoreIndex = o.IgnoreIndex
		o.matrix = m
	}
	return o.matrix.Merge(other.matrix)
}

// Matrix is what was counted; nil before the first batch.
func (o *OfMatrix) Matrix() *ConfusionMatrix { return o.matrix }

// Value is NaN when there are no samples.
func (o *OfMatrix) Value() float64 {
	if o.matrix == nil || o.matrix.Total() == 0 {
		return math.NaN()
	}
	return o.Figure(o.matrix)
}

// Reset forgets all samples.
func (o *OfMatrix) Reset() { o.matrix = nil }
