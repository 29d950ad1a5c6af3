package metric

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/tensor"
)

// A Ranking judges how well scores order samples, class by class: those labelled
// with a class should have larger probabilities of it, e^score over the sum of
// those of all classes, than others. Its value is the mean over the classes that
// have samples of both kinds; with Binary each output is a logit of yes or no, with
// a target of 1 or 0, and all of them are one class.
//
// It holds the probability of each sample and class, 8 bytes. Samples whose label
// is *IgnoreIndex are left out, if IgnoreIndex is not nil.
type Ranking struct {
	Figure      func(ranked []Ranked) float64 // [AUROC] or [AveragePrecision]
	Binary      bool
	IgnoreIndex *int64

	classes [][]Ranked
}

// Ranked is one sample: its score, and whether it has the class.
type Ranked struct {
	Score float32
	Is    bool
}

// Add counts a batch: scores [N V ...] and labels [N ...], or with Binary outputs
// and targets [N ...].
func (r *Ranking) Add(scores, labels *tensor.Tensor) error {
	if r.Binary {
		if err := pairs(scores, labels); err != nil {
			return err
		}
		if r.classes == nil {
			r.classes = make([][]Ranked, 1)
		}
		for i := range scores.Size() {
			r.classes[0] = append(r.classes[0], Ranked{float32(scores.Float(i)), labels.Float(i) > 0.5})
		}
		return nil
	}
	b, err := newProbabilities(scores, labels)
	if err != nil {
		return err
	}
	if r.classes != nil && len(r.classes) != b.classes {
		return fmt.Errorf("metric: scores %v after some of %d classes", scores, len(r.classes))
	}
	next := make([][]Ranked, b.classes)
	err = b.each(r.IgnoreIndex, func(p []float64, label int) {
		for c := range p {
			next[c] = append(next[c], Ranked{float32(p[c]), c == label})
		}
	})
	if err != nil {
		return err
	}
	if r.classes == nil {
		r.classes = make([][]Ranked, b.classes)
	}
	for c, n := range next {
		r.classes[c] = append(r.classes[c], n...)
	}
	return nil
}

// Merge adds what another has seen.
func (r *Ranking) Merge(other *Ranking) error {
	if r.classes == nil {
		r.classes = make([][]Ranked, len(other.classes))
	}
	if other.classes != nil && len(r.classes) != len(other.classes) {
		return fmt.Errorf("metric: rankings of %d and %d classes can't be merged", len(r.classes), len(other.classes))
	}
	for c, n := range other.classes {
		r.classes[c] = append(r.classes[c], n...)
	}
	return nil
}

// PerClass is the figure of each class; NaN where all samples or none have it.
func (r *Ranking) PerClass() []float64 {
	values := make([]float64, len(r.classes))
	for c, all := range r.classes {
		slices.SortFunc(all, func(a, b Ranked) int { return cmp.Compare(b.Score, a.Score) })
		values[c] = math.NaN()
		if yes := count(all); yes > 0 && yes < len(all) {
			values[c] = r.Figure(all)
		}
	}
	return values
}

// Value is NaN where no class has samples of both kinds.
func (r *Ranking) Value() float64 {
	sum, n := 0.0, 0.0
	for _, v := range r.PerClass() {
		if v == v {
			sum += v
			n++
		}
	}
	return sum / n
}

// Reset forgets all samples.
func (r *Ranking) Reset() { r.classes = nil }

func count(ranked []Ranked) (yes int) {
	for _, s := range ranked {
		if s.Is {
			yes++
		}
	}
	return yes
}

// steps goes through the samples, best first, those of one score at once, and
// tells how many with and without the class have come so far.
func steps(ranked []Ranked, f func(yes, no float64)) {
	yes, no := 0.0, 0.0
	for i, s := range ranked {
		if s.Is {
			yes++
		} else {
			no++
		}
		if i == len(ranked)-1 || ranked[i+1].Score != s.Score {
			f(yes, no)
		}
	}
}

// AUROC is the area under the curve of hits over false alarms: the probability
// that a sample with the class has a larger score than one without, ties counting
// half. Samples are sorted, best first.
//
// Source: sklearn.metrics.roc_auc_score; of several classes that with
// multi_class="ovr" and average="macro".
func AUROC(ranked []Ranked) float64 {
	all := float64(count(ranked))
	area, lastYes, lastNo := 0.0, 0.0, 0.0
	steps(ranked, func(yes, no float64) {
		area += (no - lastNo) * (yes + lastYes) / 2
		lastYes, lastNo = yes, no
	})
	return area / (all * (float64(len(ranked)) - all))
}

// AveragePrecision is the sum over the thresholds of precision times what recall
// has grown. Samples are sorted, best first.
//
// Source: sklearn.metrics.average_precision_score, average "macro".
func AveragePrecision(ranked []Ranked) float64 {
	all := float64(count(ranked))
	sum, last := 0.0, 0.0
	steps(ranked, func(yes, no float64) {
		sum += (yes - last) / all * (yes / (yes + no))
		last = yes
	})
	return sum
}
