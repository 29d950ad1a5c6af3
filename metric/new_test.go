package metric_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/tensor"
)

// Values are those of the reference, whether samples come at once, in parts, again
// after a Reset, or merged from two that have seen a part each.
func TestGoldens(t *testing.T) {
	g := moduletest.Open(t, "testdata/metric.safetensors")
	var cases map[string]struct{ Op string }
	g.Cases(&cases)
	seen := map[string]bool{}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := g.In(t, name)
			seen[strings.Replace(tc.Op, "top3", "top5", 1)] = true
			output, target, want := g.Tensor("in/0"), g.Tensor("in/1"), g.Tensor("out/0").Float(0)
			m, err := metric.New(tc.Op)
			if err != nil {
				t.Fatal(err)
			}
			n, tolerance := target.Shape().Dim(0), 1e-12
			if tc.Op == "calibration_error" {
				tolerance = 1e-7 // the reference computes in float32
			}
			for _, cuts := range [][]int{{0, n}, {0, 1, n / 2, n}} {
				m.Reset()
				if !math.IsNaN(m.Value()) {
					t.Errorf("%v of nothing", m.Value())
				}
				for i, to := range cuts[1:] {
					if err := m.Add(output.Rows(cuts[i], to), target.Rows(cuts[i], to)); err != nil {
						t.Fatal(err)
					}
				}
				if got := m.Value(); !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
					t.Errorf("cut at %v: %v, want %v", cuts, got, want)
				}
			}
			m.Reset()
			other, err := metric.New(tc.Op)
			if err != nil {
				t.Fatal(err)
			}
			must(t, m.Add(output.Rows(0, n/3), target.Rows(0, n/3)))
			must(t, other.Add(output.Rows(n/3, n), target.Rows(n/3, n)))
			if out := reflect.ValueOf(m).MethodByName("Merge").Call([]reflect.Value{reflect.ValueOf(other)}); len(out) == 1 && !out[0].IsNil() {
				t.Fatal(out[0])
			}
			if got := m.Value(); !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
				t.Errorf("merged: %v, want %v", got, want)
			}
		})
	}
	for _, name := range metric.Names() {
		if !seen[name] {
			t.Errorf("%s has no golden", name)
		}
	}
}

func TestNew(t *testing.T) {
	for _, name := range append(metric.Names(), "top1", "top10", "f2", "f0.5", "f2_weighted", "precision_micro", "iou_weighted") {
		m, err := metric.New(name)
		if err != nil || !math.IsNaN(m.Value()) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	for _, name := range []string{"", "acc", "top", "top0", "top-1", "top05", "top+5", "topping", "f", "f0", "f-1", "f1.0", "f1_macro", "mcc_micro", "finf"} {
		if _, err := metric.New(name); err == nil || !strings.Contains(err.Error(), "there are accuracy, auroc, average_precision") {
			t.Errorf("%q: error %v", name, err)
		}
	}
	var more []string
	for _, name := range append(metric.Names(), "loss") {
		if metric.Maximized(name) {
			more = append(more, name)
		}
	}
	if want := []string{"accuracy", "auroc", "average_precision", "balanced_accuracy", "binary_accuracy", "binary_auroc",
		"binary_average_precision", "f1", "iou", "kappa", "mcc", "pearson", "precision", "psnr", "r2", "recall", "spearman", "specificity", "ssim", "top5"}; !slices.Equal(more, want) {
		t.Errorf("more is better of %v, want %v", more, want)
	}
}

// An Add that fails counts nothing.
func TestNewMistakes(t *testing.T) {
	scores, labels := of([]float32{1, 2, 3, 4}, 2, 2), of([]int64{0, 1})
	numbers := of([]float32{1, 2})
	for _, tc := range []struct {
		name           string
		output, target *tensor.Tensor
		want           string
	}{
		{"mae", scores, numbers, "outputs must be floating-point numbers of the shape of the targets, [N ...], got f32[2 2] for f32[2]"},
		{"mse", labels, numbers, "outputs must be floating-point"},
		{"r2", numbers, scores, "outputs must be floating-point"},
		{"r2", scores, scores, ""},
		{"binary_accuracy", scores, labels, "outputs must be floating-point"},
		{"perplexity", labels, labels, "perplexity wants logits [N V ...], got classes i64[2]"},
		{"perplexity", scores, of([]int64{0, 2}), "label 2 of sample 1 is not one of 2 classes"},
		{"perplexity", scores, of([]int64{0}), "predictions f32[2 2] do not fit labels i64[1]"},
		{"f1", labels, labels, "a confusion matrix has 1 to"},
		{"f1", scores, of([]int64{0, 2}), "label 2 of sample 1 is not one of 2 classes"},
		{"top3", scores, labels, "accuracy among the 3 best of 2 classes"},
	} {
		m, err := metric.New(tc.name)
		if err != nil {
			t.Fatal(err)
		}
		err = m.Add(tc.output, tc.target)
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
		if !math.IsNaN(m.Value()) {
			t.Errorf("%s counted what it refused: %v", tc.name, m.Value())
		}
	}
	m, _ := metric.New("r2")
	if err := m.Add(numbers, numbers); err != nil {
		t.Fatal(err)
	}
	if err := m.Add(scores, scores); err == nil || !strings.Contains(err.Error(), "outputs f32[2 2] after some with 1 numbers each") {
		t.Errorf("error %v", err)
	}
}

// Chances of 0 and logits beyond all bounds.
func TestPerplexityAtTheEdges(t *testing.T) {
	inf := math.Inf(1)
	for _, tc := range []struct {
		logits []float64
		label  int64
		want   float64
	}{
		{[]float64{0, 0, 0, 0}, 2, 4},
		{[]float64{1e308, -1e308}, 0, 1},
		{[]float64{0, -inf}, 0, 1},
		{[]float64{0, -inf}, 1, inf},
		{[]float64{math.NaN(), 0}, 1, math.NaN()},
	} {
		p := metric.Perplexity{}
		if err := p.Add(of(tc.logits, 1, len(tc.logits)), of([]int64{tc.label})); err != nil {
			t.Fatal(err)
		}
		if got := p.Value(); got != tc.want && !(math.IsNaN(got) && math.IsNaN(tc.want)) {
			t.Errorf("%v for label %d of %v, want %v", got, tc.label, tc.logits, tc.want)
		}
	}
}
