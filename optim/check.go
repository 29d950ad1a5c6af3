package optim

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A checker collects what is wrong with settings.
type checker struct{ errs []error }

// atLeast0 wants a finite number that is not negative.
func (c *checker) atLeast0(name string, v float64) {
	if !(v >= 0 && v-v == 0) {
		c.errs = append(c.errs, fmt.Errorf("%s must be a finite number and not negative, got %v", name, v))
	}
}

// above0 wants a finite number above 0.
func (c *checker) above0(name string, v float64) {
	if !(v > 0 && v-v == 0) {
		c.errs = append(c.errs, fmt.Errorf("%s must be a finite number above 0, got %v", name, v))
	}
}

// below1 wants a number from 0 up to but not 1.
func (c *checker) below1(name string, v float64) {
	if !(v >= 0 && v < 1) {
		c.errs = append(c.errs, fmt.Errorf("%s must be at least 0 and below 1, got %v", name, v))
	}
}

func (c *checker) that(ok bool, problem string) {
	if !ok {
		c.errs = append(c.errs, errors.New(problem))
	}
}

func (c *checker) err() error { return errors.Join(c.errs...) }

// scale is x * k; x itself where k is 1.
func scale(x *ir.Value, k float64) *ir.Value {
	if k == 1 {
		return x
	}
	return ops.Mul(x, ops.Scalar(x, k))
}
