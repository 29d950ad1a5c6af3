package metric

import (
	"math"

	"github.com/gradus-ml/gradus/tensor"
)

// F1 is the mean over classes of
//
//	2 precision recall / (precision + recall)
//
// where each class that occurs as label or prediction counts the same. The
// number of classes is that of the scores. Samples whose label is *IgnoreIndex
// are left out, if IgnoreIndex is not nil.
//
// Source: sklearn.metrics.f1_score with average "macro".
type F1 struct {
	IgnoreIndex *int64

	counts *ConfusionMatrix // nil before the first batch
}

// Add counts a batch: scores [N V ...]; labels [N ...].
func (f *F1) Add(scores, labels *tensor.Tensor) error {
	b, err := newBatch(scores, labels)
	if err != nil {
		return err
	}
	m := f.counts
	if m == nil {
		if m, err = NewConfusionMatrix(b.classes); err != nil {
			return err
		}
		m.IgnoreIndex = f.IgnoreIndex
	}
	if err := m.Add(scores, labels); err != nil {
		return err
	}
	f.counts = m
	return nil
}

// Value is the mean over classes, NaN when there are no samples.
func (f *F1) Value() float64 {
	if f.counts == nil {
		return math.NaN()
	}
	return f.counts.Macro().F1
}

// Reset forgets all samples.
func (f *F1) Reset() { f.counts = nil }
