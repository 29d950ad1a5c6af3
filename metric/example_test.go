package metric_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/tensor"
)

func ExampleAccuracy() {
	logits := tensor.Must(tensor.Of([]float32{
		2.0, 0.1, -1.0,
		0.3, 0.2, 0.9,
		0.5, 0.4, 0.1,
	}, 3, 3))
	labels := tensor.Must(tensor.Of([]int64{0, 2, 1}))

	first, two := metric.Accuracy{K: 1}, metric.Accuracy{K: 2}
	for _, a := range []*metric.Accuracy{&first, &two} {
		if err := a.Add(logits, labels); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("%.3f, among the two best %.3f\n", first.Value(), two.Value())
	// Output: 0.667, among the two best 1.000
}

func ExampleConfusionMatrix() {
	m, err := metric.NewConfusionMatrix(3)
	if err != nil {
		fmt.Println(err)
		return
	}
	predicted := tensor.Must(tensor.Of([]int64{0, 0, 1, 1, 2, 2}))
	labels := tensor.Must(tensor.Of([]int64{0, 0, 1, 2, 2, 2}))
	if err := m.Add(predicted, labels); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("accuracy %.3f\n%v", m.Accuracy(), m)
	fmt.Println("2 taken for 1:", m.Count(2, 1))
	// Output:
	// accuracy 0.833
	//   class  precision  recall      F1  support
	//       0     1.0000  1.0000  1.0000        2
	//       1     0.5000  1.0000  0.6667        1
	//       2     1.0000  0.6667  0.8000        3
	//    mean     0.8333  0.8889  0.8222        6
	// 2 taken for 1: 1
}

func ExampleNewConfusionMatrix() {
	_, err := metric.NewConfusionMatrix(0)
	fmt.Println(err)
	// Output: metric: a confusion matrix has 1 to 16384 classes, not 0
}

func ExampleNew() {
	m, err := metric.New("rmse")
	if err != nil {
		fmt.Println(err)
		return
	}
	output, target := tensor.Must(tensor.Of([]float32{1, 2, 3})), tensor.Must(tensor.Of([]float32{1, 2, 6}))
	if err := m.Add(output, target); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f\n", m.Value())

	_, err = metric.New("acc")
	fmt.Println(err)
	// Output:
	// 1.7321
	// metric: there is no "acc"; there are accuracy, auroc, average_precision, balanced_accuracy, binary_accuracy, binary_auroc, binary_average_precision, brier, calibration_error, f1, iou, kappa, mae, mape, mcc, mse, pearson, perplexity, precision, psnr, r2, recall, rmse, spearman, specificity, ssim, top5
}
