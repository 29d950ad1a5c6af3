package nn

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// RReLU is x where x > 0, slope*x elsewhere. In training mode each element has a
// slope of its own, drawn from U(Lower, Upper); in evaluation mode all have the
// mean of the two. What is drawn depends on the seed, the step, the layer's path
// and the element's index alone.
//
// Source: Xu and others, "Empirical evaluation of rectified activations in
// convolutional network" (2015), section 3.4; torch.nn.RReLU.
type RReLU struct{ Lower, Upper float64 }

// NewRReLU has PyTorch's bounds 1/8 and 1/3.
func NewRReLU() *RReLU { return &RReLU{Lower: 1.0 / 8, Upper: 1.0 / 3} }

// Validate tells all that is wrong.
func (l *RReLU) Validate() error {
	if !(l.Lower <= l.Upper) || l.Upper-l.Lower-(l.Upper-l.Lower) != 0 {
		return fmt.Errorf("lower must be at most upper, both finite, got %v and %v", l.Lower, l.Upper)
	}
	return nil
}

// Forward applies the function to x, of any shape.
func (l *RReLU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	switch err := l.Validate(); {
	case c.Graph().Err() != nil:
		return x
	case err != nil:
		return refuse(c, "rrelu", err, x)
	}
	slope := ops.Scalar(x, (l.Lower+l.Upper)/2)
	if c.Training() {
		u := uniform(c, x)
		slope = ops.Add(ops.Mul(u, ops.Scalar(u, l.Upper-l.Lower)), ops.Scalar(u, l.Lower))
	}
	positive := ops.Gt(x, ops.Scalar(x, 0))
	return ops.Select(positive, x, ops.Mul(slope, ops.Select(positive, ops.ZerosLike(x), x)))
}
