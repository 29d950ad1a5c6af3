package loss

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// ready checks settings, and that a target has the type of a prediction.
func ready(name string, cfg Config, x, target *ir.Value) bool {
	return valid(name, cfg, x, target) && alike(name, x, target)
}

// valid checks settings.
func valid(name string, cfg Config, in ...*ir.Value) bool {
	if in[0].Graph().Err() != nil {
		return false
	}
	if err := cfg.Validate(); err != nil {
		fail(name, err.Error(), in...)
		return false
	}
	return true
}

// alike checks that a target has the type of a prediction.
func alike(name string, x, target *ir.Value) bool {
	if x.Graph().Err() != nil {
		return false
	}
	if x.Type() != target.Type() {
		fail(name, "prediction and target must have one type", x, target)
		return false
	}
	if !x.DType().IsFloat() {
		fail(name, fmt.Sprintf("wants a floating-point type, got %v", x.DType()), x, target)
		return false
	}
	return true
}

// checkLabels wants scores of classes [B C ...], and labels [B ...] for them.
func checkLabels(x, labels *ir.Value) error {
	if !x.DType().IsFloat() {
		return fmt.Errorf("wants scores of a floating-point type, got %v", x.DType())
	}
	if x.Rank() < 2 || x.Dim(1) == 0 {
		return errors.New("wants scores [B C] or [B C ...] with at least one class")
	}
	dims := x.Shape().Dims()
	want := shape.Of(append(dims[:1:1], dims[2:]...)...)
	if labels.DType() == dtype.Bool || !labels.DType().IsInt() || labels.Shape() != want {
		return fmt.Errorf("wants labels %v of an integer type for these scores", want)
	}
	return nil
}

// checkClassWeights wants a weight for each class of x [B C ...], or none.
func checkClassWeights(weights []float64, x *ir.Value) error {
	if n := len(weights); n > 0 && (x.Rank() < 2 || n != x.Dim(1)) {
		return fmt.Errorf("there are %d class_weights for %v", n, x.Type())
	}
	return nil
}

// checkLastWeights wants one weight, or one for each element of the last axis
// of x, or none.
func checkLastWeights(key string, weights []float64, x *ir.Value) error {
	n := len(weights)
	if n <= 1 || x.Rank() > 0 && n == x.Dim(x.Rank()-1) {
		return nil
	}
	return fmt.Errorf("there are %d numbers in %s for %v", n, key, x.Type())
}

// checkVectors wants vectors along a last axis, behind that of examples.
func checkVectors(x *ir.Value) error {
	if x.Rank() < 2 {
		return errors.New("wants vectors [B D] or [B ... D]")
	}
	return nil
}

// stretches reports whether a weight broadcasts to the type of x.
func stretches(weight, x *ir.Value) bool {
	s, err := shape.Broadcast(weight.Shape(), x.Shape())
	return err == nil && s == x.Shape() && weight.DType() == x.DType()
}

// validateWeights wants numbers from 0 up in the list of a key.
func validateWeights(key string, weights []float64) error {
	var errs []error
	for i, w := range weights {
		if !(w >= 0) || math.IsInf(w, 0) {
			errs = append(errs, fmt.Errorf("loss: %s: weight %d is %v, want a number from 0 up", key, i, w))
		}
	}
	return errors.Join(errs...)
}

// positive wants a finite number above 0 under a key.
func positive(key string, v float64) error {
	if !(v > 0) || math.IsInf(v, 0) {
		return fmt.Errorf("loss: %s is %v, want a number above 0", key, v)
	}
	return nil
}

// notNegative wants a finite number from 0 up under a key.
func notNegative(key string, v float64) error {
	if !(v >= 0) || math.IsInf(v, 0) {
		return fmt.Errorf("loss: %s is %v, want a number from 0 up", key, v)
	}
	return nil
}

// finite wants a finite number under a key.
func finite(key string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("loss: %s is %v, want a finite number", key, v)
	}
	return nil
}
