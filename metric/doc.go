// Package metric measures how well a classifier does, from its predictions and
// the labels.
//
// A metric is filled batch by batch and asked for its value at any time. It
// holds whole counts only, so that the value does not depend on how samples
// were split into batches, on their order, or on the number of threads. Counts
// of several goroutines or machines are put together by Merge:
//
//	acc := metric.Accuracy{K: 1}
//	for each batch {
//		if err := acc.Add(logits, labels); err != nil {
//			return err
//		}
//	}
//	fmt.Println(acc.Value())
//
// Predictions are either scores, floating-point numbers [N V] of which the
// largest names the class (logits and probabilities serve alike), or the
// classes themselves, integers [N]. Labels are integers [N]. The package
// knows host tensors alone, no graphs.
//
// Of equal scores the class that comes first counts as larger, and NaN as
// larger than any number, as in ops.ArgMax. An Add that returns an error has
// counted nothing. Metrics are not safe for concurrent use.
package metric
