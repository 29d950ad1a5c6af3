package metric

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/tensor"
)

// Perplexity is e to the mean cross-entropy of labels and logits:
//
//	exp(mean over samples of log(sum over c of e^logits[c]) - logits[label])
//
// computed in float64. A model that gives each of V classes the same chance has
// V. Samples whose label is *IgnoreIndex are left out, if IgnoreIndex is not
// nil.
type Perplexity struct {
	IgnoreIndex *int64

	sum   float64 // of cross-entropies, in nats
	total int64
}

// Add counts a batch: logits [N V ...]; labels [N ...].
func (p *Perplexity) Add(logits, labels *tensor.Tensor) error {
	b, err := newBatch(logits, labels)
	if err != nil {
		return err
	}
	if b.classes == 0 {
		return fmt.Errorf("metric: perplexity wants logits [N V ...], got classes %v", logits)
	}
	sum, total := 0.0, int64(0)
	for i := range b.rows {
		label, counts := b.label(i, p.IgnoreIndex)
		if !counts {
			continue
		}
		if label < 0 || label >= int64(b.classes) {
			return fmt.Errorf("metric: label %d of sample %d is not one of %d classes", label, i, b.classes)
		}
		most := math.Inf(-1)
		for c := range b.classes {
			most = max(most, b.score(i, c)) // NaN stays
		}
		if math.IsInf(most, 0) {
			most = 0
		}
		all := 0.0
		for c := range b.classes {
			all += math.Exp(b.score(i, c) - most)
		}
		sum += math.Log(all) + most - b.score(i, int(label))
		total++
	}
	p.sum += sum
	p.total += total
	return nil
}

// Merge adds what another has seen.
func (p *Perplexity) Merge(other *Perplexity) {
	p.sum += other.sum
	p.total += other.total
}

// Value is NaN when there are no samples.
func (p *Perplexity) Value() float64 { return math.Exp(p.sum / float64(p.total)) }

// Reset forgets all samples.
func (p *Perplexity) Reset() { p.sum, p.total = 0, 0 }
