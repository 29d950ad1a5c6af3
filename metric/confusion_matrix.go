package metric

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/gradus-ml/gradus/tensor"
)

// A ConfusionMatrix counts how often each label was predicted as each class.
// It gives precision, recall and F1 of every class:
//
//	precision = right / all that were predicted as the class
//	recall    = right / all that are labelled with the class
//	F1        = 2 precision recall / (precision + recall)
//
// Each is 0 where its denominator is 0, as in scikit-learn. Samples whose label
// is *IgnoreIndex are left out, if IgnoreIndex is not nil.
type ConfusionMatrix struct {
	IgnoreIndex *int64

	classes int
	counts  []int64 // [label predicted]
}

// maxClasses bounds a matrix to 2 GiB.
const maxClasses = 1 << 14

// NewConfusionMatrix returns an empty matrix for a number of classes, at most
// 16384.
func NewConfusionMatrix(classes int) (*ConfusionMatrix, error) {
	if classes < 1 || classes > maxClasses {
		return nil, fmt.Errorf("metric: a confusion matrix has 1 to %d classes, not %d", maxClasses, classes)
	}
	return &ConfusionMatrix{classes: classes, counts: make([]int64, classes*classes)}, nil
}

// Add counts a batch: scores [N V ...] of the matrix's classes, or integer
// classes [N ...]; labels [N ...]. A label or prediction that is no class is an error.
func (m *ConfusionMatrix) Add(predicted, labels *tensor.Tensor) error {
	b, err := newBatch(predicted, labels)
	if err != nil {
		return err
	}
	if b.classes != 0 && b.classes != m.classes {
		return fmt.Errorf("metric: scores %v for a confusion matrix of %d classes", predicted, m.classes)
	}
	cells := make([]int, 0, b.rows)
	for i := range b.rows {
		label, counts := b.label(i, m.IgnoreIndex)
		if !counts {
			continue
		}
		class := b.class(i)
		if !m.has(label) {
			return fmt.Errorf("metric: label %d of sample %d is not one of %d classes", label, i, m.classes)
		}
		if !m.has(class) {
			return fmt.Errorf("metric: prediction %d of sample %d is not one of %d classes", class, i, m.classes)
		}
		cells = append(cells, int(label)*m.classes+int(class))
	}
	for _, c := range cells {
		m.counts[c]++
	}
	return nil
}

func (m *ConfusionMatrix) has(class int64) bool { return class >= 0 && class < int64(m.classes) }

// Merge adds the counts of another matrix of as many classes.
func (m *ConfusionMatrix) Merge(other *ConfusionMatrix) error {
	if m.classes != other.classes {
		return fmt.Errorf("metric: confusion matrices of %d and %d classes can't be merged", m.classes, other.classes)
	}
	for i, n := range other.counts {
		m.counts[i] += n
	}
	return nil
}

// Reset forgets all samples.
func (m *ConfusionMatrix) Reset() { clear(m.counts) }

// Classes is the number of classes.
func (m *ConfusionMatrix) Classes() int { return m.classes }

// Count is the number of samples of a label that were predicted as a class; 0
// for what is no class.
func (m *ConfusionMatrix) Count(label, predicted int) int64 {
	if !m.has(int64(label)) || !m.has(int64(predicted)) {
		return 0
	}
	return m.counts[label*m.classes+predicted]
}

// Counts returns a copy of the matrix: a row a label, a column a predicted
// class.
func (m *ConfusionMatrix) Counts() [][]int64 {
	rows := make([][]int64, m.classes)
	for i := range rows {
		rows[i] = append([]int64(nil), m.counts[i*m.classes:(i+1)*m.classes]...)
	}
	return rows
}

// Total is the number of samples.
func (m *ConfusionMatrix) Total() (n int64) {
	for _, c := range m.counts {
		n += c
	}
	return n
}

// Accuracy is the share of samples that are right, NaN when there are none.
func (m *ConfusionMatrix) Accuracy() float64 {
	var right int64
	for c := range m.classes {
		right += m.Count(c, c)
	}
	return float64(right) / float64(m.Total())
}

// Scores are the figures of one class, or their average over classes.
type Scores struct {
	Precision, Recall, F1, Specificity, IoU float64
	Support                                 int64 // samples labelled with the class
}

// Class gives the figures of one class, from 0 to Classes()-1.
func (m *ConfusionMatrix) Class(class int) Scores { return m.cells(class).scores() }

// cells are the samples by what the label and the prediction say of a class.
type cells struct{ hit, missed, wrong, rest int64 }

func (m *ConfusionMatrix) cells(class int) (c cells) {
	c.hit = m.Count(class, class)
	for k := range m.classes {
		if k != class {
			c.missed += m.Count(class, k)
			c.wrong += m.Count(k, class)
		}
	}
	c.rest = m.Total() - c.hit - c.missed - c.wrong
	return c
}

// occurs tells whether the class is a label or a prediction of some sample.
func (c cells) occurs() bool { return c.hit+c.missed+c.wrong > 0 }

func (c cells) scores() Scores {
	return Scores{c.precision(), c.recall(), c.f(1), c.specificity(), c.iou(), c.hit + c.missed}
}

func (c cells) precision() float64   { return share(c.hit, c.hit+c.wrong) }
func (c cells) recall() float64      { return share(c.hit, c.hit+c.missed) }
func (c cells) specificity() float64 { return share(c.rest, c.rest+c.wrong) }
func (c cells) iou() float64         { return share(c.hit, c.hit+c.missed+c.wrong) }

func (c cells) f(beta float64) float64 {
	below := (1+beta*beta)*float64(c.hit) + beta*beta*float64(c.missed) + float64(c.wrong)
	if below == 0 {
		return 0
	}
	return (1 + beta*beta) * float64(c.hit) / below
}

func share(part, all int64) float64 {
	if all == 0 {
		return 0
	}
	return float64(part) / float64(all)
}

// An Average says how figures of classes become one.
type Average uint8

// The averages, over the classes that occur as label or prediction.
const (
	Macro    Average = iota // each class counts the same
	Weighted                // each counts as often as it is a label
	Micro                   // one figure of the counts of all classes
)

// average is NaN where there are no samples.
func (m *ConfusionMatrix) average(how Average, figure func(cells) float64) float64 {
	var all cells
	var sum, weights float64
	for class := range m.classes {
		c := m.cells(class)
		if !c.occurs() {
			continue
		}
		all.hit, all.missed, all.wrong, all.rest = all.hit+c.hit, all.missed+c.missed, all.wrong+c.wrong, all.rest+c.rest
		weight := 1.0
		if how == Weighted {
			weight = float64(c.hit + c.missed)
		}
		sum += weight * figure(c)
		weights += weight
	}
	if how == Micro && weights > 0 {
		return figure(all)
	}
	return sum / weights
}

// Precision is the average of the classes' precision.
func (m *ConfusionMatrix) Precision(how Average) float64 { return m.average(how, cells.precision) }

// Recall is the average of the classes' recall. The macro average of the classes
// that are labels is the balanced accuracy.
func (m *ConfusionMatrix) Recall(how Average) float64 { return m.average(how, cells.recall) }

// Specificity is the average of the classes' share of samples with another label
// that were not predicted as the class.
func (m *ConfusionMatrix) Specificity(how Average) float64 { return m.average(how, cells.specificity) }

// IoU is the average of intersection over union, the Jaccard index: right / all
// that have the class as label or prediction.
func (m *ConfusionMatrix) IoU(how Average) float64 { return m.average(how, cells.iou) }

// FBeta is the average of
//
//	(1+beta^2) precision recall / (beta^2 precision + recall)
//
// in which recall counts beta times as much as precision. With beta = 1 it is F1,
// the Dice coefficient.
func (m *ConfusionMatrix) FBeta(beta float64, how Average) float64 {
	return m.average(how, func(c cells) float64 { return c.f(beta) })
}

// BalancedAccuracy is the mean recall of the classes that are labels.
//
// Source: sklearn.metrics.balanced_accuracy_score.
func (m *ConfusionMatrix) BalancedAccuracy() float64 {
	sum, n := 0.0, 0.0
	for class := range m.classes {
		if c := m.cells(class); c.hit+c.missed > 0 {
			sum += c.recall()
			n++
		}
	}
	return sum / n
}

// MCC is the correlation of Matthews, for any number of classes:
//
//	(r s - sum of l(c) p(c)) / sqrt((s^2 - sum of p(c)^2) (s^2 - sum of l(c)^2))
//
// of s samples, r of them right, l(c) labelled and p(c) predicted as class c; 0
// where that divides by 0.
//
// Source: sklearn.metrics.matthews_corrcoef.
func (m *ConfusionMatrix) MCC() float64 {
	s, right, both, predicted, labelled := m.margins()
	if s == 0 {
		return math.NaN()
	}
	below := math.Sqrt(s*s-predicted) * math.Sqrt(s*s-labelled)
	if below == 0 {
		return 0
	}
	return (right*s - both) / below
}

// Kappa is Cohen's: the agreement beyond that of chance,
//
//	(accuracy - chance) / (1 - chance)    chance = sum over c of l(c) p(c) / s^2
//
// with l(c) samples labelled and p(c) predicted as class c, of s.
//
// Source: sklearn.metrics.cohen_kappa_score.
func (m *ConfusionMatrix) Kappa() float64 {
	s, right, both, _, _ := m.margins()
	chance := both / (s * s)
	return (right/s - chance) / (1 - chance)
}

// margins are the number of samples, of those that are right, and the sums over
// the classes of l(c) p(c), p(c)^2 and l(c)^2.
func (m *ConfusionMatrix) margins() (samples, right, both, predicted, labelled float64) {
	for class := range m.classes {
		c := m.cells(class)
		l, p := float64(c.hit+c.missed), float64(c.hit+c.wrong)
		samples += l
		right += float64(c.hit)
		both, predicted, labelled = both+l*p, predicted+p*p, labelled+l*l
	}
	return samples, right, both, predicted, labelled
}

// Macro gives the mean of the figures over the classes that occur as label or
// prediction, each class counting the same; Support is the number of samples.
// Without samples the means are NaN.
func (m *ConfusionMatrix) Macro() Scores {
	return Scores{m.Precision(Macro), m.Recall(Macro), m.FBeta(1, Macro), m.Specificity(Macro), m.IoU(Macro), m.Total()}
}

// String prints the figures of every class and their mean as a table.
func (m *ConfusionMatrix) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "class\tprecision\trecall\tF1\tsupport\t\n")
	line := func(name string, s Scores) {
		fmt.Fprintf(w, "%s\t%.4f\t%.4f\t%.4f\t%d\t\n", name, s.Precision, s.Recall, s.F1, s.Support)
	}
	for c := range m.classes {
		line(fmt.Sprint(c), m.Class(c))
	}
	line("mean", m.Macro())
	w.Flush()
	return b.String()
}
