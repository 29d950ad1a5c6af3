package nn

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// uniform draws numbers from U(0, 1) of the type and shape of x: multiples of
// 2^-24 from 2^-25 on, so that neither 0 nor 1 is among them.
func uniform(c *Ctx, x *ir.Value) *ir.Value { return draw(c, x, x.Shape()) }

// draw is uniform for another shape than that of x.
func draw(c *Ctx, like *ir.Value, s shape.Shape) *ir.Value {
	key := c.Random()
	bits := ops.RandomBits(key.Seed, key.Step, key.Stream, s)
	bits = ops.ShiftRight(bits, ops.FullInt(c.Graph(), dtype.Uint32, shape.Shape{}, 8))
	u := ops.Cast(bits, dtype.Float32)
	u = ops.Add(ops.Mul(u, ops.Scalar(u, 0x1p-24)), ops.Scalar(u, 0x1p-25))
	return ops.Cast(u, like.DType())
}

// gaussian draws numbers from N(0, 1) of the type and shape of x, two uniform
// ones for each.
//
// Source: Box, Muller, "A note on the generation of random normal deviates"
// (1958).
func gaussian(c *Ctx, x *ir.Value) *ir.Value {
	u, v := uniform(c, x), uniform(c, x)
	radius := ops.Sqrt(ops.Mul(ops.Log(u), ops.Scalar(u, -2)))
	return ops.Mul(radius, ops.Cos(ops.Mul(v, ops.Scalar(v, 2*math.Pi))))
}
