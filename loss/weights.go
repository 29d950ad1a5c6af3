package loss

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

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

// checkClassWeights wants a weight for each class, or none.
func checkClassWeights(weights []float64, classes int) error {
	if n := len(weights); n > 0 && n != classes {
		return fmt.Errorf("there are %d class_weights for %d classes", n, classes)
	}
	return nil
}

// checkLastWeights wants one weight, or one for each element of the last axis
// of x.
func checkLastWeights(key string, weights []float64, x *ir.Value) error {
	n := len(weights)
	if n <= 1 || x.Rank() > 0 && n == x.Dim(x.Rank()-1) {
		return nil
	}
	return fmt.Errorf("there are %d numbers in %s for %v", n, key, x.Type())
}

// stretches reports whether a weight broadcasts to the type of x.
func stretches(weight, x *ir.Value) bool {
	s, err := shape.Broadcast(weight.Shape(), x.Shape())
	return err == nil && s == x.Shape() && weight.DType() == x.DType()
}

// numbers is a list [N] as a value of the element type and graph of like; nil
// where the list is empty.
func numbers(like *ir.Value, list []float64) *ir.Value {
	if len(list) == 0 {
		return nil
	}
	each := make([]*ir.Value, len(list))
	for i, v := range list {
		each[i] = ops.Full(like.Graph(), like.DType(), shape.Of(1), v)
	}
	return ops.Concat(0, each...)
}
