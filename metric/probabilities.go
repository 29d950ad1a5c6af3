package metric

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/tensor"
)

// probabilities reads scores as logits.
type probabilities struct{ batch }

func newProbabilities(scores, labels *tensor.Tensor) (probabilities, error) {
	b, err := newBatch(scores, labels)
	if err == nil && b.classes == 0 {
		err = fmt.Errorf("metric: wants logits [N V ...], got classes %v", scores)
	}
	return probabilities{b}, err
}

// each calls f with the probabilities of every sample that counts, a slice that is
// used again, and its label.
func (b probabilities) each(ignore *int64, f func(p []float64, label int)) error {
	p := make([]float64, b.classes)
	for i := range b.rows {
		label, counts := b.label(i, ignore)
		if !counts {
			continue
		}
		if label < 0 || label >= int64(b.classes) {
			return fmt.Errorf("metric: label %d of sample %d is not one of %d classes", label, i, b.classes)
		}
		most := math.Inf(-1)
		for c := range p {
			most = max(most, b.score(i, c))
		}
		all := 0.0
		for c := range p {
			p[c] = math.Exp(b.score(i, c) - most)
			all += p[c]
		}
		for c := range p {
			p[c] /= all
		}
		f(p, int(label))
	}
	return nil
}

// Brier is the mean over samples of the squared distance of the probabilities, e^
// score over the sum of those of all classes, from what came true:
//
//	sum over c of (p(c) - [c is the label])^2
//
// from 0 to 2. Samples whose label is *IgnoreIndex are left out.
//
// Source: Brier, "Verification of forecasts expressed in terms of probability"
// (1950), formula 2; sklearn.metrics.brier_score_loss with scale_by_half=False.
type Brier struct {
	IgnoreIndex *int64

	mean mean
}

// Add counts a batch: logits [N V ...]; labels [N ...].
func (m *Brier) Add(logits, labels *tensor.Tensor) error {
	b, err := newProbabilities(logits, labels)
	if err != nil {
		return err
	}
	next := m.mean
	err = b.each(m.IgnoreIndex, func(p []float64, label int) {
		for c, v := range p {
			if c == label {
				v--
			}
			next.sum += v * v
		}
		next.total++
	})
	if err == nil {
		m.mean = next
	}
	return err
}

// Merge adds what another has seen.
func (m *Brier) Merge(other *Brier) { m.mean.merge(other.mean) }

// Value is NaN when there are no samples.
func (m *Brier) Value() float64 { return m.mean.value() }

// Reset forgets all samples.
func (m *Brier) Reset() { m.mean = mean{} }

// CalibrationError is how far a model's confidence, the largest probability, is
// from its accuracy: samples are put in bins of equal width by confidence, and the
// distances of mean confidence and accuracy in them are averaged, by their
// numbers of samples. Bins is 15 if it is 0. Samples whose label is *IgnoreIndex are
// left out.
//
// Source: Guo and others, "On calibration of modern neural networks" (2017),
// equation 3; torchmetrics 1.9 MulticlassCalibrationError with norm="l1".
type CalibrationError struct {
	Bins        int
	IgnoreIndex *int64

	bins []bin
}

type bin struct{ samples, right, confidence float64 }

// Add counts a batch: logits [N V ...]; labels [N ...].
func (m *CalibrationError) Add(logits, labels *tensor.Tensor) error {
	b, err := newProbabilities(logits, labels)
	if err != nil {
		return err
	}
	n := m.Bins
	if n <= 0 {
		n = 15
	}
	next := make([]bin, n)
	copy(next, m.bins)
	err = b.each(m.IgnoreIndex, func(p []float64, label int) {
		best := 0
		for c := range p {
			if p[c] > p[best] {
				best = c
			}
		}
		k := &next[min(int(p[best]*float64(n)), n-1)]
		k.samples++
		k.confidence += p[best]
		if best == label {
			k.right++
		}
	})
	if err == nil {
		m.bins = next
	}
	return err
}

// Merge adds what another with as many bins has seen.
func (m *CalibrationError) Merge(other *CalibrationError) error {
	if m.bins == nil {
		m.bins = make([]bin, len(other.bins))
	}
	if other.bins != nil && len(m.bins) != len(other.bins) {
		return fmt.Errorf("metric: calibration errors of %d and %d bins can't be merged", len(m.bins), len(other.bins))
	}
	for i, k := range other.bins {
		m.bins[i].samples += k.samples
		m.bins[i].right += k.right
		m.bins[i].confidence += k.confidence
	}
	return nil
}

// Value is NaN when there are no samples.
func (m *CalibrationError) Value() float64 {
	off, samples := 0.0, 0.0
	for _, k := range m.bins {
		off += math.Abs(k.right - k.confidence)
		samples += k.samples
	}
	return off / samples
}

// Reset forgets all samples.
func (m *CalibrationError) Reset() { m.bins = nil }
