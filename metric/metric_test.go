package metric_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

func of[T dtype.Go](data []T, dims ...int) *tensor.Tensor {
	return tensor.Must(tensor.Of(data, dims...))
}

// randomBatch gives scores with many ties, and labels.
func randomBatch(seed uint64, rows, classes int) (scores, labels *tensor.Tensor) {
	s := rng.NewStream(seed, "metric", 0)
	x, y := make([]float32, rows*classes), make([]int64, rows)
	for i := range x {
		x[i] = float32(s.IntN(5))
	}
	for i := range y {
		y[i] = int64(s.IntN(classes))
	}
	return of(x, rows, classes), of(y)
}

func TestAccuracyTopK(t *testing.T) {
	scores := of([]float64{
		.1, .5, .3, .2, // 1, 2, 3, 0
		.4, .4, .4, .4, // 0, 1, 2, 3: the first of equals is larger
		-3, -2, -1, -4, // 2, 1, 0, 3
		2, math.NaN(), math.Inf(1), 1, // 1, 2, 0, 3: NaN is largest
	}, 4, 4)
	for _, c := range []struct {
		k      int
		labels []int64
		want   float64
	}{
		{1, []int64{1, 0, 2, 1}, 1},
		{1, []int64{2, 1, 1, 2}, 0},
		{2, []int64{2, 1, 1, 2}, 1},
		{2, []int64{3, 2, 0, 0}, 0},
		{3, []int64{3, 2, 0, 0}, 1},
		{3, []int64{3, 3, 3, 3}, 0.25},
		{4, []int64{0, 3, 3, 3}, 1},
	} {
		a := metric.Accuracy{K: c.k}
		if err := a.Add(scores, of(c.labels)); err != nil {
			t.Fatal(err)
		}
		if a.Value() != c.want {
			t.Errorf("K=%d, labels %v: accuracy %v, want %v", c.k, c.labels, a.Value(), c.want)
		}
	}
}

func TestAccuracyOfClasses(t *testing.T) {
	var ignore int64 = -100
	a := metric.Accuracy{K: 1, IgnoreIndex: &ignore}
	if !math.IsNaN(a.Value()) {
		t.Errorf("accuracy of nothing is %v, want NaN", a.Value())
	}
	if err := a.Add(of([]int32{3, 1, 2, 7}), of([]uint8{3, 0, 2, 7})); err != nil {
		t.Fatal(err)
	}
	if err := a.Add(of([]int64{5, -100}), of([]int64{-100, -100})); err != nil {
		t.Fatal(err)
	}
	if a.Value() != 0.75 || a.Correct() != 3 || a.Total() != 4 {
		t.Errorf("accuracy %v, %d of %d; want 0.75, 3 of 4", a.Value(), a.Correct(), a.Total())
	}
	if a.Reset(); a.Total() != 0 {
		t.Error("Reset kept samples")
	}
}

// One batch, the same samples in parts, and parts counted apart and merged
// must give the same.
func TestPartsEqualWhole(t *testing.T) {
	const rows, classes = 101, 4
	scores, labels := randomBatch(1, rows, classes)
	for k := 1; k <= classes; k++ {
		whole, parts, merged := metric.Accuracy{K: k}, metric.Accuracy{K: k}, metric.Accuracy{K: k}
		must(t, whole.Add(scores, labels))
		for at := 0; at < rows; at += 7 {
			end := min(at+7, rows)
			must(t, parts.Add(scores.Rows(at, end), labels.Rows(at, end)))
			one := metric.Accuracy{K: k}
			must(t, one.Add(scores.Rows(at, end), labels.Rows(at, end)))
			must(t, merged.Merge(&one))
		}
		if whole != parts || whole != merged {
			t.Errorf("K=%d: whole %+v, parts %+v, merged %+v", k, whole, parts, merged)
		}
		if whole.Total() != rows || k == classes && whole.Value() != 1 {
			t.Errorf("K=%d: %d of %d samples are right", k, whole.Correct(), whole.Total())
		}
	}

	whole, parts, merged := matrix(t, classes), matrix(t, classes), matrix(t, classes)
	must(t, whole.Add(scores, labels))
	for at := 0; at < rows; at += 10 {
		end := min(at+10, rows)
		must(t, parts.Add(scores.Rows(at, end), labels.Rows(at, end)))
		one := matrix(t, classes)
		must(t, one.Add(scores.Rows(at, end), labels.Rows(at, end)))
		must(t, merged.Merge(one))
	}
	for l := range classes {
		for p := range classes {
			if n := whole.Count(l, p); n != parts.Count(l, p) || n != merged.Count(l, p) {
				t.Errorf("count of label %d as %d: whole %d, parts %d, merged %d", l, p, n, parts.Count(l, p), merged.Count(l, p))
			}
		}
	}
	a := metric.Accuracy{K: 1}
	must(t, a.Add(scores, labels))
	if whole.Accuracy() != a.Value() || whole.Total() != a.Total() {
		t.Errorf("matrix has accuracy %v of %d, Accuracy %v of %d", whole.Accuracy(), whole.Total(), a.Value(), a.Total())
	}
}

func TestConfusionMatrixFigures(t *testing.T) {
	m := matrix(t, 5)
	// Class 3 is only ever predicted, class 4 does not occur.
	must(t, m.Add(of([]int64{0, 0, 1, 2, 1, 1, 3, 2}), of([]int64{0, 0, 0, 0, 1, 1, 2, 2})))
	want := []metric.Scores{ // by hand, equal to scikit-learn's
		{Precision: 1, Recall: 2.0 / 4, F1: 2.0 / 3, Specificity: 1, IoU: 1.0 / 2, Support: 4},
		{Precision: 2.0 / 3, Recall: 1, F1: 4.0 / 5, Specificity: 5.0 / 6, IoU: 2.0 / 3, Support: 2},
		{Precision: 1.0 / 2, Recall: 1.0 / 2, F1: 1.0 / 2, Specificity: 5.0 / 6, IoU: 1.0 / 3, Support: 2},
		{Specificity: 7.0 / 8},
		{Specificity: 1},
	}
	for c, w := range want {
		if got := m.Class(c); !near(got, w) {
			t.Errorf("class %d: %+v, want %+v", c, got, w)
		}
	}
	mean := metric.Scores{Precision: (1 + 2.0/3 + .5) / 4, Recall: (.5 + 1 + .5) / 4, F1: (2.0/3 + .8 + .5) / 4,
		Specificity: (1 + 5.0/6 + 5.0/6 + 7.0/8) / 4, IoU: (.5 + 2.0/3 + 1.0/3) / 4, Support: 8}
	if got := m.Macro(); !near(got, mean) {
		t.Errorf("mean %+v, want %+v", got, mean)
	}
	if m.Accuracy() != 5.0/8 || m.Classes() != 5 {
		t.Errorf("accuracy %v of %d classes", m.Accuracy(), m.Classes())
	}
	if m.Count(0, 1) != 1 || m.Count(2, 3) != 1 || m.Count(3, 2) != 0 {
		t.Errorf("counts %v: rows must be labels, columns predictions", m.Counts())
	}
	if m.Count(-1, 0) != 0 || m.Count(0, 5) != 0 || m.Class(5).Support != 0 || m.Class(5).Recall != 0 {
		t.Error("what is no class has samples")
	}
	if m.Reset(); m.Total() != 0 || !math.IsNaN(m.Accuracy()) || !math.IsNaN(m.Macro().F1) {
		t.Errorf("after Reset: %d samples, accuracy %v, mean %+v", m.Total(), m.Accuracy(), m.Macro())
	}
}

func TestIgnoreIndex(t *testing.T) {
	var ignore int64 = 255
	m := matrix(t, 2)
	m.IgnoreIndex = &ignore
	must(t, m.Add(of([]float32{1, 0, 0, 1, 0, 1}, 3, 2), of([]uint8{0, 255, 0})))
	if m.Total() != 2 || m.Accuracy() != 0.5 {
		t.Errorf("accuracy %v of %d samples, want 0.5 of 2", m.Accuracy(), m.Total())
	}
}

func TestEmptyBatch(t *testing.T) {
	a, m := metric.Accuracy{K: 1}, matrix(t, 3)
	scores, labels := of([]float32{}, 0, 3), of([]int64{}, 0)
	must(t, a.Add(scores, labels))
	must(t, m.Add(scores, labels))
	if a.Total() != 0 || m.Total() != 0 {
		t.Error("an empty batch counted")
	}
}

func TestMistakes(t *testing.T) {
	scores := of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	labels := of([]int64{0, 1})
	for _, c := range []struct {
		name              string
		k                 int
		predicted, labels *tensor.Tensor
		want              string
	}{
		{"K unset", 0, scores, labels, "K of at least 1, got 0"},
		{"K too large", 4, scores, labels, "the 4 best of 3 classes"},
		{"K of classes", 2, labels, labels, "wants scores [N V]"},
		{"label too large", 1, scores, of([]int64{0, 3}), "label 3 of sample 1 is not one of 3 classes"},
		{"negative label", 1, scores, of([]int64{-1, 0}), "label -1 of sample 0"},
		{"float labels", 1, scores, of([]float32{0, 1}), "labels must be integers [N] or [N ...], got f32[2]"},
		{"rank of labels", 1, scores, of([]int64{0, 1}, 2, 1), "got f32[2 3] for i64[2 1]"},
		{"rank of scores", 1, of([]float32{1, 2}), labels, "predictions must be scores [N V ...] or integer classes [N ...] of labels [N ...], got f32[2] for i64[2]"},
		{"no class", 1, of([]float32{}, 2, 0), labels, "predictions must be scores"},
		{"rows differ", 1, scores, of([]int64{0, 1, 2}), "predictions f32[2 3] do not fit labels i64[3]"},
	} {
		a := metric.Accuracy{K: c.k}
		if err := a.Add(c.predicted, c.labels); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
		if a.Total() != 0 {
			t.Errorf("%s: a wrong batch counted", c.name)
		}
	}

	m := matrix(t, 3)
	for _, c := range []struct {
		predicted, labels *tensor.Tensor
		want              string
	}{
		{of([]float32{1, 2, 3, 4}, 2, 2), labels, "scores f32[2 2] for a confusion matrix of 3 classes"},
		{scores, of([]int64{1, 5}), "label 5 of sample 1 is not one of 3 classes"},
		{of([]int64{0, -2}), labels, "prediction -2 of sample 1"},
		{of([]bool{true}), labels, "predictions must be"},
	} {
		if err := m.Add(c.predicted, c.labels); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	if m.Total() != 0 {
		t.Error("a wrong batch counted")
	}
	for _, n := range []int{0, -1, 1 << 40} {
		if _, err := metric.NewConfusionMatrix(n); err == nil {
			t.Errorf("a matrix of %d classes was made", n)
		}
	}
	if err := m.Merge(matrix(t, 4)); err == nil || !strings.Contains(err.Error(), "3 and 4 classes") {
		t.Errorf("merge of different sizes: %v", err)
	}
	a, b := metric.Accuracy{K: 1}, metric.Accuracy{K: 5}
	if err := a.Merge(&b); err == nil || !strings.Contains(err.Error(), "1 and 5 best") {
		t.Errorf("merge of different K: %v", err)
	}
}

func matrix(t *testing.T, classes int) *metric.ConfusionMatrix {
	t.Helper()
	m, err := metric.NewConfusionMatrix(classes)
	must(t, err)
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func near(a, b metric.Scores) bool {
	close := func(x, y float64) bool { return math.Abs(x-y) <= 1e-15 }
	return close(a.Precision, b.Precision) && close(a.Recall, b.Recall) && close(a.F1, b.F1) &&
		close(a.Specificity, b.Specificity) && close(a.IoU, b.IoU) && a.Support == b.Support
}
