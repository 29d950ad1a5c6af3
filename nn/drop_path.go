package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// DropPath sets each example of a batch to 0 as a whole with probability P and
// multiplies the others by 1/(1-P), in training mode; in evaluation mode it does
// nothing. At the end of a branch that is added to its operand it leaves the
// branch out: stochastic depth.
//
//	y[b ...] = x[b ...] * mask[b]
//
// x [B ...], y the same. The mask depends on the seed, the step, the layer's path
// and the example's index in the batch alone; P = 1 gives zeros.
//
// Source: Huang and others, "Deep networks with stochastic depth" (2016), scaled
// while training as timm.layers.DropPath and torchvision.ops.StochasticDepth
// (mode row) do.
type DropPath struct{ P float64 }

// NewDropPath drops with probability p, from 0 to 1.
func NewDropPath(p float64) *DropPath { return &DropPath{p} }

// Forward drops examples of x [B ...].
func (l *DropPath) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	switch {
	case c.Graph().Err() != nil:
		return x
	case !(l.P >= 0 && l.P <= 1):
		return refuse(c, "drop_path", fmt.Errorf("probability %v is outside 0..1", l.P), x)
	case x.Rank() < 1:
		return refuse(c, "drop_path", errors.New("wants an operand [B ...]"), x)
	case !c.Training() || l.P == 0:
		return x
	}
	key := c.Random()
	ones := ops.Full(c.Graph(), x.DType(), shape.Of(x.Dim(0)), 1)
	mask := ops.Dropout(ones, key.Seed, key.Step, l.P, key.Stream)
	return ops.Mul(x, ops.BroadcastInDim(mask, x.Shape(), 0))
}
