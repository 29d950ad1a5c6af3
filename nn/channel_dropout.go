package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// ChannelDropout sets whole channels of single examples to 0 with probability P
// and multiplies the others by 1/(1-P), in training mode; in evaluation mode it
// does nothing. The mask depends on the seed, the step, the layer's path and the
// number of example and channel alone.
// x [B C ...], y the same.
//
// Source: torch.nn.Dropout1d, Dropout2d and Dropout3d; Tompson and others,
// "Efficient object localization using convolutional networks" (2015).
type ChannelDropout struct{ P float64 }

// NewChannelDropout drops with probability p, from 0 to 1.
func NewChannelDropout(p float64) *ChannelDropout { return &ChannelDropout{p} }

// Forward drops channels of x [B C ...].
func (l *ChannelDropout) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if stays(c, "channel_dropout", l.P, x) {
		return x
	}
	if x.Rank() < 2 {
		return refuse(c, "channel_dropout", errors.New("wants an operand [B C ...]"), x)
	}
	return ops.Mul(x, keep(c, x, l.P, shape.Of(x.Dim(0), x.Dim(1))))
}

// stays reports whether a layer that drops with probability p has nothing to do,
// and keeps what is wrong with p.
func stays(c *Ctx, name string, p float64, x *ir.Value) bool {
	if !(p >= 0 && p <= 1) {
		refuse(c, name, fmt.Errorf("probability %v is outside 0..1", p), x)
	}
	return c.Graph().Err() != nil || !c.Training() || p == 0
}

// keep is a factor for x: 0 with probability p, else 1/(1-p), one for each place
// of its first axes, of which mask is the shape.
func keep(c *Ctx, x *ir.Value, p float64, mask shape.Shape) *ir.Value {
	key := c.Random()
	ones := ops.Full(c.Graph(), x.DType(), mask, 1)
	kept := ops.Dropout(ones, key.Seed, key.Step, p, key.Stream)
	axes := make([]int, mask.Rank())
	for a := range axes {
		axes[a] = a
	}
	return ops.BroadcastInDim(kept, x.Shape(), axes...)
}
