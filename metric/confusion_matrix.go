package metric

import (
	"fmt"
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
	Precision, Recall, F1 float64
	Support               int64 // samples labelled with the class
}

// Class gives the figures of one class, from 0 to Classes()-1.
func (m *ConfusionMatrix) Class(class int) Scores {
	s, _ := m.class(class)
	return s
}

// class also tells whether the class occurs as label or prediction.
func (m *ConfusionMatrix) class(class int) (s Scores, occurs bool) {
	right := m.Count(class, class)
	var predicted int64
	for c := range m.classes {
		predicted += m.Count(c, class)
		s.Support += m.Count(class, c)
	}
	s.Precision = share(right, predicted)
	s.Recall = share(right, s.Support)
	s.F1 = share(2*right, predicted+s.Support)
	return s, predicted+s.Support > 0
}

func share(part, all int64) float64 {
	if all == 0 {
		return 0
	}
	return float64(part) / float64(all)
}

// Macro gives the mean of the figures over the classes that occur as label or
// prediction, each class counting the same; Support is the number of samples.
// Without samples the means are NaN.
func (m *ConfusionMatrix) Macro() Scores {
	var sum Scores
	n := 0.0
	for c := range m.classes {
		s, occurs := m.class(c)
		if !occurs {
			continue
		}
		n++
		sum.Precision += s.Precision
		sum.Recall += s.Recall
		sum.F1 += s.F1
		sum.Support += s.Support
	}
	return Scores{sum.Precision / n, sum.Recall / n, sum.F1 / n, sum.Support}
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
