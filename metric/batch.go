package metric

import (
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/tensor"
)

// A batch is a pair of predictions and labels whose shapes and types fit.
type batch struct {
	predicted, labels *tensor.Tensor
	rows              int
	classes           int // 0 when predictions are classes, not scores
	inner             int // positions of an example, between the scores of one
}

// newBatch checks shapes and types.
func newBatch(predicted, labels *tensor.Tensor) (batch, error) {
	l := labels.Shape().Dims()
	if !labels.DType().IsInt() || len(l) == 0 {
		return batch{}, fmt.Errorf("metric: labels must be integers [N] or [N ...], got %v", labels)
	}
	b := batch{predicted: predicted, labels: labels, rows: labels.Size(), inner: 1}
	s := predicted.Shape().Dims()
	switch {
	case predicted.DType().IsFloat() && len(s) == len(l)+1 && s[1] > 0:
		b.classes = s[1]
		s = slices.Delete(s, 1, 2)
		for _, d := range l[1:] {
			b.inner *= d
		}
	case predicted.DType().IsInt() && len(s) == len(l):
	default:
		return batch{}, fmt.Errorf("metric: predictions must be scores [N V ...] or integer classes [N ...] of labels [N ...], got %v for %v", predicted, labels)
	}
	if !slices.Equal(s, l) {
		return batch{}, fmt.Errorf("metric: predictions %v do not fit labels %v", predicted, labels)
	}
	return b, nil
}

// score is that of class c in row i.
func (b batch) score(i, c int) float64 {
	return b.predicted.Float((i/b.inner*b.classes+c)*b.inner + i%b.inner)
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
	x, y := b.score(i, c), b.score(i, d)
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
