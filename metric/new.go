package metric

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ignored is the label that [New]'s metrics leave out, as losses do.
const ignored = -100

// New makes a metric by its name. Of classes, from their scores:
//
//	accuracy            share of labels whose class has the largest score
//	top2, top3, ...     share of labels among the classes with the largest scores
//	balanced_accuracy   mean over classes of the share of their samples that are right
//	precision, recall   see [ConfusionMatrix]
//	specificity, iou
//	f1, f2, f0.5, ...   F-score, in which recall counts 1, 2, 0.5 times as much as precision
//	mcc, kappa          correlation of Matthews, agreement of Cohen
//	auroc               area under the curve of hits over false alarms
//	average_precision   area under the curve of precision over recall
//	calibration_error   distance of confidence and accuracy, in 15 bins
//	brier               squared distance of probabilities from what came true
//	perplexity          e to the mean cross-entropy
//
// Those from precision to f1 are means over classes; with _weighted or _micro
// behind, such as f1_weighted, classes count by their samples, or counts are added
// up first. Of logits of yes or no:
//
//	binary_accuracy           share on the right side of 0
//	binary_auroc, binary_average_precision
//
// Of numbers:
//
//	mae, mse, rmse, mape   mean absolute error, mean squared error, the root of it, mean share
//	r2                     share of the variance that is explained
//	pearson, spearman      correlation of numbers, and of their ranks
//	psnr, ssim             likeness of images with numbers from 0 to 1
//
// Labels of -100 are left out.
func New(name string) (Metric, error) {
	for _, e := range named {
		if e.name == name {
			return e.make(), nil
		}
	}
	if m := ofMatrix(name); m != nil {
		return m, nil
	}
	if digits, ok := strings.CutPrefix(name, "top"); ok {
		if k, err := strconv.Atoi(digits); err == nil && k >= 1 && strconv.Itoa(k) == digits {
			return &Accuracy{K: k, IgnoreIndex: ignore()}, nil
		}
	}
	return nil, fmt.Errorf("metric: there is no %q; there are %s", name, strings.Join(Names(), ", "))
}

func ignore() *int64 { return new(int64(ignored)) }

// named are the metrics with a plain name.
var named = []struct {
	name     string
	smallest bool // less is better
	make     func() Metric
}{
	{"accuracy", false, func() Metric { return &Accuracy{K: 1, IgnoreIndex: ignore()} }},
	{"balanced_accuracy", false, func() Metric { return matrix((*ConfusionMatrix).BalancedAccuracy) }},
	{"mcc", false, func() Metric { return matrix((*ConfusionMatrix).MCC) }},
	{"kappa", false, func() Metric { return matrix((*ConfusionMatrix).Kappa) }},
	{"auroc", false, func() Metric { return &Ranking{Figure: AUROC, IgnoreIndex: ignore()} }},
	{"average_precision", false, func() Metric { return &Ranking{Figure: AveragePrecision, IgnoreIndex: ignore()} }},
	{"calibration_error", true, func() Metric { return &CalibrationError{IgnoreIndex: ignore()} }},
	{"brier", true, func() Metric { return &Brier{IgnoreIndex: ignore()} }},
	{"perplexity", true, func() Metric { return &Perplexity{IgnoreIndex: ignore()} }},
	{"binary_accuracy", false, func() Metric { return &BinaryAccuracy{} }},
	{"binary_auroc", false, func() Metric { return &Ranking{Figure: AUROC, Binary: true} }},
	{"binary_average_precision", false, func() Metric { return &Ranking{Figure: AveragePrecision, Binary: true} }},
	{"mae", true, func() Metric { return &AbsoluteError{} }},
	{"mse", true, func() Metric { return &SquaredError{} }},
	{"rmse", true, func() Metric { return &SquaredError{Root: true} }},
	{"mape", true, func() Metric { return &PercentageError{} }},
	{"r2", false, func() Metric { return &R2{} }},
	{"pearson", false, func() Metric { return &Pearson{} }},
	{"spearman", false, func() Metric { return &Spearman{} }},
	{"psnr", false, func() Metric { return &PSNR{} }},
	{"ssim", false, func() Metric { return &SSIM{} }},
}

func matrix(figure func(*ConfusionMatrix) float64) Metric {
	return &OfMatrix{Figure: figure, IgnoreIndex: ignore()}
}

// ofMatrix makes the metrics that are averages over classes; nil for another name.
func ofMatrix(name string) Metric {
	how := Macro
	if rest, ok := strings.CutSuffix(name, "_weighted"); ok {
		name, how = rest, Weighted
	} else if rest, ok := strings.CutSuffix(name, "_micro"); ok {
		name, how = rest, Micro
	}
	switch name {
	case "precision":
		return matrix(func(m *ConfusionMatrix) float64 { return m.Precision(how) })
	case "recall":
		return matrix(func(m *ConfusionMatrix) float64 { return m.Recall(how) })
	case "specificity":
		return matrix(func(m *ConfusionMatrix) float64 { return m.Specificity(how) })
	case "iou":
		return matrix(func(m *ConfusionMatrix) float64 { return m.IoU(how) })
	}
	if digits, ok := strings.CutPrefix(name, "f"); ok {
		if beta, err := strconv.ParseFloat(digits, 64); err == nil && beta > 0 && strconv.FormatFloat(beta, 'g', -1, 64) == digits {
			return matrix(func(m *ConfusionMatrix) float64 { return m.FBeta(beta, how) })
		}
	}
	return nil
}

// Names lists what [New] knows; top5 stands for any number, f1 for any factor.
func Names() []string {
	names := []string{"top5", "precision", "recall", "specificity", "iou", "f1"}
	for _, e := range named {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}

// Maximized tells whether more of a metric is better; name is one that New
// knows, or "loss".
func Maximized(name string) bool {
	for _, e := range named {
		if e.name == name {
			return !e.smallest
		}
	}
	return name != "loss"
}
