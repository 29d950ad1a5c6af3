// Package metric measures how well a model does, from its outputs and the
// targets. [New] makes a metric by the name that a recipe has for it.
//
// A metric is filled batch by batch and asked for its value at any time. Those
// of classes hold whole counts, so that the value does not depend on how samples
// were split into batches, on their order, or on the number of threads. Those of
// numbers, and perplexity, add up in float64 in the order of the samples: how
// samples are split may move the last digits. Counts of several goroutines or
// machines are put together by Merge:
//
//	acc := metric.Accuracy{K: 1}
//	for each batch {
//		if err := acc.Add(logits, labels); err != nil {
//			return err
//		}
//	}
//	fmt.Println(acc.Value())
//
// Predictions of classes are either scores, floating-point numbers [N V] of which
// the largest names the class (logits and probabilities serve alike), or the
// classes themselves, integers [N]. Labels are integers [N]. With several
// positions an example they are [N V ...] or [N ...], and labels [N ...], as the
// losses have them; scores with the classes last, [N T V] of a language model,
// are reshaped to [N*T V] first, and their labels to [N*T]. Numbers, and logits
// of yes or no, have the shape of their targets. The package knows host tensors
// alone, no graphs.
//
// Of equal scores the class that comes first counts as larger, and NaN as
// larger than any number, as in ops.ArgMax. An Add that returns an error has
// counted nothing. Metrics are not safe for concurrent use.
package metric
