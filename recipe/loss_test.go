package recipe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/train"
)

// Recipes name losses with their settings: of numbers, of classes, of several
// classes at once, of a variance besides, of three vectors.
func TestLosses(t *testing.T) {
	s := rng.NewStream(1, "test", 0)
	var rows strings.Builder
	rows.WriteString("a,b,sum,count,side,kinds\n")
	for range 160 {
		a, b := s.Normal(), s.Normal()
		var kinds []string
		for name, is := range map[string]bool{"right": a > 0, "upper": b > 0, "far": a*a+b*b > 1.4} {
			if is {
				kinds = append(kinds, name)
			}
		}
		side := 1
		if a+b < 0 {
			side = -1
		}
		fmt.Fprintf(&rows, "%.4f,%.4f,%.4f,%d,%d,%s\n", a, b, a+2*b, int(a*a+b*b), side, strings.Join(kinds, " "))
	}
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	const (
		number  = "{name: y, type: number, columns: [sum]}"
		count   = "{name: y, type: number, columns: [count], scale: none}"
		side    = "{name: y, type: number, columns: [side], scale: none}"
		class   = "{name: y, type: class, column: side}"
		classes = `{name: y, type: classes, column: kinds, separator: " "}`
	)
	recipe := func(target, head, loss string) Recipe {
		r, err := Parse(fmt.Appendf(nil, `
format: 1
name: losses
data:
  train: {type: csv, path: %s}
  inputs: [{name: x, type: numeric, columns: [a, b]}]
  targets: [%s]
  batch: 32
model: {type: layers, layers: [{type: linear, out: 16}, tanh, %s]}
loss: %s
optimizer: {type: adam, lr: 0.02}
strategy: {epochs: 40}
evaluate: {every_epochs: null}
machine: {threads: 2}
`, path, target, head, loss), "losses.yaml")
		if err != nil {
			t.Fatalf("%s: %v", loss, err)
		}
		return r
	}
	for _, c := range []struct {
		target, loss string
		head         string // of the model
		most         float64
	}{
		{number, "{type: huber, delta: 0.5}", "linear", 0.05},
		{number, "{type: smooth_l1, beta: 0.5}", "linear", 0.05},
		{count, "{type: poisson_nll, full: true}", "linear", 1.5},
		{side, "soft_margin", "linear", 0.3},
		{side, "{type: hinge_embedding, margin: 2}", "linear", -2},
		{number, "{type: gaussian_nll, full: true}", "{type: linear, out: 2}, {type: softplus}, {type: reshape, shape: [2, 1]}", 1.5},
		{class, "{type: nll, class_weights: [1, 2]}", "linear, {type: log_softmax}", 0.3},
		{class, "nll", "{type: adaptive_log_softmax, cutoffs: [1]}", 0.3},
		{class, "{type: multi_margin, p: 2, margin: 0.5}", "linear", 0.05},
		{class, "{type: cross_entropy, class_weights: [1, 2], label_smoothing: 0.1}", "linear", 0.45},
		{classes, "{type: bce_with_logits, class_weights: [1, 1, 2], pos_weight: [1, 2, 1]}", "linear", 0.6},
		{classes, "{type: bce, class_weights: [1, 1, 2]}", "linear, sigmoid", 0.6},
		{classes, "{type: multi_label_soft_margin, class_weights: [1, 1, 2]}", "linear", 0.6},
		{classes, "multi_label_margin", "linear", 0.4},
		{side, "{type: margin_ranking, margin: 0.5}", "{type: linear, out: 2}, {type: reshape, shape: [2, 1]}", 0.1},
		{side, "{type: cosine_embedding, margin: 0.2}", "{type: linear, out: 6}, {type: reshape, shape: [2, 3]}", 0.1},
		{number, "{type: triplet_margin, swap: true}", "{type: linear, out: 6}, {type: reshape, shape: [3, 2]}", 0.5},
	} {
		result, err := trained(t, recipe(c.target, c.head, c.loss))
		if err != nil || !(result.Train.Loss <= c.most) {
			t.Errorf("%s: loss %v after %d steps, want at most %v; %v", c.loss, result.Train.Loss, result.Step, c.most, err)
		}
	}
	for _, c := range []struct{ target, loss, want string }{
		{number, "nll", "loss: target y is a number, and this loss is for classes"},
		{class, "huber", "loss: target y is a class, and this loss compares numbers"},
		{class, "cosine_embedding", "loss: target y is a class, and this loss compares numbers"},
		{number, "{type: mse, reduction: sum}", "loss: reduction: training takes the mean, not sum"},
		{number, "{type: kl_div, reduction: none}", "loss: reduction: training takes the mean, not none"},
		{classes, "{type: bce_with_logits, pos_weight: [1, 2]}", "there are 2 numbers in pos_weight for f32[32 3]"},
		{class, "{type: nll, class_weights: [1, 2, 3]}", "there are 3 class_weights for f32[32 2]"},
		{number, "triplet_margin", "triplet_margin: wants an output [B 3 ...], with 3 values stacked on axis 1"},
	} {
		head := "linear"
		if c.loss == "triplet_margin" {
			head = "{type: linear, out: 2}"
		}
		if _, err := trained(t, recipe(c.target, head, c.loss)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: error %v, want %q", c.loss, c.target, err, c.want)
		}
	}
}

// trained is the result of a recipe.
func trained(t *testing.T, r Recipe) (result train.Result, err error) {
	t.Helper()
	files, err := file.New()
	if err != nil {
		return result, err
	}
	defer files.Close()
	x, err := r.Open(t.Context(), files)
	if err != nil {
		return result, err
	}
	defer x.Close()
	return x.Trainer.Fit(t.Context())
}
