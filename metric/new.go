package metric

import (
	"fmt"
	"strconv"
	"strings"
)

// ignored is the label that [New]'s metrics leave out, as losses do.
const ignored = -100

// New makes a metric by its name:
//
//	accuracy         share of labels whose class has the largest score
//	top2, top3, ...  share of labels among the classes with the largest scores
//	binary_accuracy  share of logits on the right side of 0
//	f1               mean over classes of the harmonic mean of precision and recall
//	perplexity       e to the mean cross-entropy
//	mae, mse, rmse   mean absolute error, mean squared error, and the root of it
//	r2               share of the variance that is explained
//
// Labels of -100 are left out.
func New(name string) (Metric, error) {
	switch name {
	case "accuracy":
		return &Accuracy{K: 1, IgnoreIndex: new(int64(ignored))}, nil
	case "binary_accuracy":
		return &BinaryAccuracy{}, nil
	case "f1":
		return &F1{IgnoreIndex: new(int64(ignored))}, nil
	case "perplexity":
		return &Perplexity{IgnoreIndex: new(int64(ignored))}, nil
	case "mae":
		return &AbsoluteError{}, nil
	case "mse":
		return &SquaredError{}, nil
	case "rmse":
		return &SquaredError{Root: true}, nil
	case "r2":
		return &R2{}, nil
	}
	if digits, ok := strings.CutPrefix(name, "top"); ok {
		if k, err := strconv.Atoi(digits); err == nil && k >= 1 && strconv.Itoa(k) == digits {
			return &Accuracy{K: k, IgnoreIndex: new(int64(ignored))}, nil
		}
	}
	return nil, fmt.Errorf("metric: there is no %q; there are %s", name, strings.Join(Names(), ", "))
}

// Names lists what [New] knows; top5 stands for any number.
func Names() []string {
	return []string{"accuracy", "top5", "binary_accuracy", "f1", "perplexity", "mae", "mse", "rmse", "r2"}
}

// Maximized tells whether more of a metric is better; name is one that New
// knows, or "loss".
func Maximized(name string) bool {
	switch name {
	case "loss", "perplexity", "mae", "mse", "rmse":
		return false
	}
	return true
}
