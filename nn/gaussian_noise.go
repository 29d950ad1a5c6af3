package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// GaussianNoise adds numbers from N(0, Std^2) in training mode. What is drawn
// depends on the seed, the step, the layer's path and the element's index alone.
//
// Source: keras.layers.GaussianNoise.
type GaussianNoise struct{ Std float64 }

// GaussianDropout multiplies each element by a number from N(1, P/(1-P)) in
// training mode: the noise has the variance of that of [Dropout].
//
// Source: Srivastava and others, "Dropout" (2014), section 10;
// keras.layers.GaussianDropout.
type GaussianDropout struct{ P float64 }

// Forward adds noise to x, of any shape.
func (l *GaussianNoise) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	switch {
	case c.Graph().Err() != nil:
		return x
	case !(l.Std >= 0) || math.IsInf(l.Std, 0):
		return refuse(c, "gaussian_noise", fmt.Errorf("std must be a finite number of at least 0, got %v", l.Std), x)
	case !c.Training() || l.Std == 0:
		return x
	}
	return ops.Add(x, ops.Mul(gaussian(c, x), ops.Scalar(x, l.Std)))
}

// Forward multiplies x, of any shape, by noise.
func (l *GaussianDropout) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.P == 1 {
		return refuse(c, "gaussian_dropout", errors.New("probability must be below 1"), x)
	}
	if stays(c, "gaussian_dropout", l.P, x) {
		return x
	}
	noise := ops.Mul(gaussian(c, x), ops.Scalar(x, math.Sqrt(l.P/(1-l.P))))
	return ops.Mul(x, ops.Add(noise, ops.Scalar(x, 1)))
}
