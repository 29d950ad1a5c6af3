package optim

import (
	"errors"
	"fmt"
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

// between0And1 wants a number between 0 and 1, neither of them.
func (c *checker) between0And1(name string, v float64) {
	if !(v > 0 && v < 1) {
		c.errs = append(c.errs, fmt.Errorf("%s must be above 0 and below 1, got %v", name, v))
	}
}

// that wants a condition to hold, and says what is wrong otherwise.
func (c *checker) that(ok bool, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

// form wants one of the forms.
func (c *checker) form(f Form) { c.that(int(f) < len(forms), "there is no %v", f) }

func (c *checker) err() error { return errors.Join(c.errs...) }
