package nn

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// UnitNorm divides vectors along an axis by their Euclidean length, or by 1e-12
// where that is more.
//
// Source: keras.layers.UnitNormalization (3.15); torch.nn.functional.normalize.
type UnitNorm struct {
	Axis int `json:"axis" yaml:"axis"` // a negative one counts from the end
}

// Forward normalises x, of any shape.
func (l *UnitNorm) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	axis, err := x.Shape().Axis(l.Axis)
	if err != nil {
		return refuse(c, "unit_norm", err, x)
	}
	squares := ops.KeepDims(ops.Sum(ops.Square(x), axis), x, axis)
	return ops.Div(x, ops.Sqrt(ops.Maximum(squares, ops.Scalar(squares, 1e-24))))
}
