package nn

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// GlobalAvgPool takes the mean of each channel: x [B C ...], y [B C].
//
// Source: keras.layers.GlobalAveragePooling2D, and those of one and three axes.
type GlobalAvgPool struct{}

// GlobalMaxPool takes the largest element of each channel: x [B C ...], y [B C].
// Of equal ones all get the same part of the gradient.
//
// Source: keras.layers.GlobalMaxPooling2D, and those of one and three axes.
type GlobalMaxPool struct{}

// Forward pools x [B C ...].
func (l *GlobalAvgPool) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return global(c, "global_avg_pool", x, ops.Mean)
}

// Forward pools x [B C ...].
func (l *GlobalMaxPool) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return global(c, "global_max_pool", x, ops.Amax)
}

func global(c *Ctx, name string, x *ir.Value, reduce func(x *ir.Value, axes ...int) *ir.Value) *ir.Value {
	if c.Graph().Err() != nil {
		return x
	}
	if x.Rank() < 3 {
		return refuse(c, name, errors.New("wants an operand [B C ...] of rank 3 or more"), x)
	}
	var axes []int
	for a := 2; a < x.Rank(); a++ {
		axes = append(axes, a)
	}
	return reduce(x, axes...)
}
