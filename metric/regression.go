package metric

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/tensor"
)

// pairs checks that outputs are numbers like the targets: of the same shape, but
// for a last axis of one number.
func pairs(output, target *tensor.Tensor) error {
	trimmed := func(t *tensor.Tensor) []int {
		dims := t.Shape().Dims()
		if n := len(dims); n > 1 && dims[n-1] == 1 {
			dims = dims[:n-1]
		}
		return dims
	}
	if !output.DType().IsFloat() || output.Shape().Rank() == 0 || !slices.Equal(trimmed(output), trimmed(target)) {
		return fmt.Errorf("metric: outputs must be floating-point numbers of the shape of the targets, [N ...], got %v for %v", output, target)
	}
	return nil
}

// A mean adds up in float64.
type mean struct {
	sum   float64
	total int64
}

func (m *mean) add(output, target *tensor.Tensor, f func(output, target float64) float64) error {
	if err := pairs(output, target); err != nil {
		return err
	}
	for i := range output.Size() {
		m.sum += f(output.Float(i), target.Float(i))
	}
	m.total += int64(output.Size())
	return nil
}

func (m *mean) merge(other mean) {
	m.sum += other.sum
	m.total += other.total
}

func (m *mean) value() float64 { return m.sum / float64(m.total) }

// AbsoluteError is the mean of |output - target| over all numbers.
//
// Source: sklearn.metrics.mean_absolute_error.
type AbsoluteError struct{ mean mean }

// Add counts a batch: outputs and targets [N ...].
func (e *AbsoluteError) Add(output, target *tensor.Tensor) error {
	return e.mean.add(output, target, func(y, t float64) float64 { return math.Abs(y - t) })
}

// Merge adds what another has seen.
func (e *AbsoluteError) Merge(other *AbsoluteError) { e.mean.merge(other.mean) }

// Value is NaN when there are no numbers.
func (e *AbsoluteError) Value() float64 { return e.mean.value() }

// Reset forgets all numbers.
func (e *AbsoluteError) Reset() { e.mean = mean{} }

// SquaredError is the mean of (output - target)^2 over all numbers, or with Root
// the root of that.
//
// Source: sklearn.metrics.mean_squared_error and root_mean_squared_error; with
// several outputs the latter takes the mean of a root for each.
type SquaredError struct {
	Root bool

	mean mean
}

// Add counts a batch: outputs and targets [N ...].
func (e *SquaredError) Add(output, target *tensor.Tensor) error {
	return e.mean.add(output, target, func(y, t float64) float64 { return (y - t) * (y - t) })
}

// Merge adds what another has seen.
func (e *SquaredError) Merge(other *SquaredError) { e.mean.merge(other.mean) }

// Value is NaN when there are no numbers.
func (e *SquaredError) Value() float64 {
	if e.Root {
		return math.Sqrt(e.mean.value())
	}
	return e.mean.value()
}

// Reset forgets all numbers.
func (e *SquaredError) Reset() { e.mean = mean{} }

// PercentageError is the mean of |output - target| / |target| over all numbers, as a
// share: 0.1 is 10 %. Targets nearer to 0 than 2.2e-16 count as that.
//
// Source: sklearn.metrics.mean_absolute_percentage_error.
type PercentageError struct{ mean mean }

// Add counts a batch: outputs and targets [N ...].
func (e *PercentageError) Add(output, target *tensor.Tensor) error {
	return e.mean.add(output, target, func(y, t float64) float64 { return math.Abs(y-t) / max(math.Abs(t), 0x1p-52) })
}

// Merge adds what another has seen.
func (e *PercentageError) Merge(other *PercentageError) { e.mean.merge(other.mean) }

// Value is NaN when there are no numbers.
func (e *PercentageError) Value() float64 { return e.mean.value() }

// Reset forgets all numbers.
func (e *PercentageError) Reset() { e.mean = mean{} }

// BinaryAccuracy is the share of logits on the right side of 0: above it where
// the target is above 1/2, and not above it elsewhere. NaN is on neither side.
type BinaryAccuracy struct{ mean mean }

// Add counts a batch: logits and targets [N ...].
func (a *BinaryAccuracy) Add(output, target *tensor.Tensor) error {
	return a.mean.add(output, target, func(y, t float64) float64 {
		if y > 0 && t > 0.5 || y <= 0 && t <= 0.5 {
			return 1
		}
		return 0
	})
}

// Merge adds what another has seen.
func (a *BinaryAccuracy) Merge(other *BinaryAccuracy) { a.mean.merge(other.mean) }

// Value is NaN when there are no logits.
func (a *BinaryAccuracy) Value() float64 { return a.mean.value() }

// Reset forgets all logits.
func (a *BinaryAccuracy) Reset() { a.mean = mean{} }

// R2 is the coefficient of determination, the mean over the outputs of
//
//	1 - sum of (target - output)^2 / sum of (target - mean of targets)^2
//
// An output whose targets are all equal has 1 if it is right everywhere, else 0.
//
// Source: sklearn.metrics.r2_score; the sums are kept by the method of Welford,
// "Note on a method for calculating corrected sums of squares" (1962).
type R2 struct {
	columns []column
}

// A column is what is known of one output.
type column struct {
	n        float64
	mean     float64 // of the targets
	variance float64 // n times
	residual float64 // sum of squares
}

// Add counts a batch: outputs and targets [N], or [N D] of D outputs each.
func (r *R2) Add(output, target *tensor.Tensor) error {
	width, err := columns(output, target, len(r.columns))
	if err != nil {
		return err
	}
	if r.columns == nil {
		r.columns = make([]column, width)
	}
	for i := range output.Size() {
		c := &r.columns[i%width]
		y, t := output.Float(i), target.Float(i)
		c.n++
		d := t - c.mean
		c.mean += d / c.n
		c.variance += d * (t - c.mean)
		c.residual += (t - y) * (t - y)
	}
	return nil
}

// Merge adds what another has seen.
func (r *R2) Merge(other *R2) error {
	if r.columns == nil {
		r.columns = make([]column, len(other.columns))
	}
	if other.columns != nil && len(r.columns) != len(other.columns) {
		return fmt.Errorf("metric: scores of %d and %d outputs can't be merged", len(r.columns), len(other.columns))
	}
	for i, o := range other.columns {
		c := &r.columns[i]
		if o.n > 0 {
			n, d := c.n+o.n, o.mean-c.mean
			c.variance += o.variance + d*d*c.n*o.n/n
			c.mean += d * o.n / n
			c.residual += o.residual
			c.n = n
		}
	}
	return nil
}

// Value is NaN when there are fewer than two samples.
func (r *R2) Value() float64 {
	sum := 0.0
	for _, c := range r.columns {
		switch {
		case c.n < 2:
			return math.NaN()
		case c.variance != 0:
			sum += 1 - c.residual/c.variance
		case c.residual == 0:
			sum++
		}
	}
	return sum / float64(len(r.columns))
}

// Reset forgets all samples.
func (r *R2) Reset() { r.columns = nil }
