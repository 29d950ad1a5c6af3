package metric

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/tensor"
)

// Accuracy is the share of samples whose label is among the K classes with the
// largest scores. K is 1 for plain accuracy; it must be set. Samples whose
// label is *IgnoreIndex are left out, if IgnoreIndex is not nil.
type Accuracy struct {
	K           int
	IgnoreIndex *int64

	correct, total int64
}

// Add counts a batch: scores [N V ...] or, for K = 1, integer classes [N ...];
// labels [N ...]. A label that is no class of the scores is an error.
func (a *Accuracy) Add(predicted, labels *tensor.Tensor) error {
	b, err := newBatch(predicted, labels)
	if err != nil {
		return err
	}
	switch {
	case a.K < 1:
		return fmt.Errorf("metric: accuracy wants K of at least 1, got %d", a.K)
	case b.classes == 0 && a.K > 1:
		return fmt.Errorf("metric: accuracy among the %d best wants scores [N V], got classes %v", a.K, predicted)
	case b.classes > 0 && a.K > b.classes:
		return fmt.Errorf("metric: accuracy among the %d best of %d classes", a.K, b.classes)
	}
	var correct, total int64
	for i := range b.rows {
		label, counts := b.label(i, a.IgnoreIndex)
		if !counts {
			continue
		}
		var hit bool
		if b.classes == 0 {
			hit = b.class(i) == label
		} else {
			if label < 0 || label >= int64(b.classes) {
				return fmt.Errorf("metric: label %d of sample %d is not one of %d classes", label, i, b.classes)
			}
			hit = b.place(i, int(label)) < a.K
		}
		total++
		if hit {
			correct++
		}
	}
	a.correct += correct
	a.total += total
	return nil
}

// Merge adds the counts of another accuracy of the same K.
func (a *Accuracy) Merge(other *Accuracy) error {
	if a.K != other.K {
		return fmt.Errorf("metric: accuracies among the %d and %d best can't be merged", a.K, other.K)
	}
	a.correct += other.correct
	a.total += other.total
	return nil
}

// Value is the share of samples that are right, NaN when there are none.
func (a *Accuracy) Value() float64 {
	if a.total == 0 {
		return math.NaN()
	}
	return float64(a.correct) / float64(a.total)
}

// Correct is the number of samples that are right.
func (a *Accuracy) Correct() int64 { return a.correct }

// Total is the number of samples.
func (a *Accuracy) Total() int64 { return a.total }

// Reset forgets all samples.
func (a *Accuracy) Reset() { a.correct, a.total = 0, 0 }
