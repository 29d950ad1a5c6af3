package metric

import (
	"fmt"

	"github.com/gradus-ml/gradus/tensor"
)

// A batch is a pair of predictions and labels whose shapes and types fit.
type batch struct {
	predicted, labels *tensor.Tensor
	rows              int
	classes           int // 0 when predictions are classes, not scores
}

// newBatch checks shapes and types.
func newBatch(predicted, labels *tensor.Tensor) (batch, error) {
	if !labels.DType().IsInt() || labels.Shape().Rank() != 1 {
		return batch{}, fmt.Errorf("metric: labels must be integers [N], got %v", labels)
	}
	b := batch{predicted: predicted, labels: labels, rows: labels.Size()}
	s := predicted.Shape()
	switch {
	case predicted.DType().IsFloat() && s.Rank() == 2 && s.Dim(1) > 0:
		b.classes = s.Dim(1)
	case predicted.DType().IsInt() && s.Rank() == 1:
	default:
		return batch{}, fmt.Errorf("metric: predictions must be scores [N V] or integer classes [N], got %v", predicted)
	}
	if s.Dim(0) != b.rows {
		return batch{}, fmt.Errorf("metric: %d predictions %v for %d labels %v", s.Dim(0), predicted, b.rows, labels)
	}
	return b, nil
}

// label is the label of row i; counts is false when it is the one to ignore.
func (b batch) label(i int, ignore *int64) (label int64, counts bool) {
	label = b.labels.Int(i)
	return label, ignore == nil || label != *ignore
}

// class is the class that row i predicts.
func (b batch) class(i int) int64 {
	if b.classes == 0 {
		return b.predicted.Int(i)
	}
	best := 0
	for c := 1; c < b.classes; c++ {
		if b.larger(i, c, best) {
			best = c
		}
	}
	return int64(best)
}

// place is the number of classes whose score in row i is larger than that of
// class c: 0 for the predicted class.
func (b batch) place(i, c int) (n int) {
	for d := range b.classes {
		if d != c && b.larger(i, d, c) {
			n++
		}
	}
	return n
}

// larger reports whether class c comes before class d in row i: NaN before
// numbers, larger before smaller, then first before later.
func (b batch) larger(i, c, d int) bool {
	x, y := b.predicted.Float(i*b.classes+c), b.predicted.Float(i*b.classes+d)
	switch xNaN, yNaN := x != x, y != y; {
	case xNaN != yNaN:
		return xNaN
	case x > y:
		return true
	case x < y:
		return false
	}
	return c < d
}
