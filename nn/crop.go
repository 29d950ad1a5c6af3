package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Crop leaves out positions at the ends of the spatial axes of x [B C ...]: the
// first Before and the last After of each.
//
// Source: keras.layers.Cropping1D, Cropping2D and Cropping3D.
type Crop struct {
	Before []int `json:"before" yaml:"before"` // of each axis
	After  []int `json:"after" yaml:"after"`
}

// Validate tells all that is wrong.
func (l Crop) Validate() error {
	var errs []error
	if len(l.Before) == 0 || len(l.Before) != len(l.After) {
		errs = append(errs, fmt.Errorf("before and after want a number for each axis, got %v and %v", l.Before, l.After))
	}
	for _, side := range []struct {
		name string
		n    []int
	}{{"before", l.Before}, {"after", l.After}} {
		for _, n := range side.n {
			if n < 0 {
				errs = append(errs, fmt.Errorf("%s must not be negative, got %d", side.name, n))
			}
		}
	}
	return errors.Join(errs...)
}

// Forward crops x.
func (l *Crop) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	if err := l.Validate(); err != nil {
		return refuse(c, "crop", err, x)
	}
	if x.Rank() != len(l.Before)+2 {
		return refuse(c, "crop", fmt.Errorf("wants [B C] and %d axes behind them", len(l.Before)), x)
	}
	for i, before := range l.Before {
		axis := i + 2
		left := x.Dim(axis) - before - l.After[i]
		if left < 1 {
			return refuse(c, "crop", fmt.Errorf("nothing is left of axis %d of %d positions without %d and %d", axis, x.Dim(axis), before, l.After[i]), x)
		}
		x = ops.Narrow(x, axis, before, left)
	}
	return x
}
