package nn

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// ChannelShuffle puts the channels of x [B C ...], which are Groups of C/Groups
// each, in another order: the first of each group, then the second of each, and
// so on.
//
// Source: Zhang and others, "ShuffleNet" (2017), section 3.1;
// torch.nn.ChannelShuffle.
type ChannelShuffle struct{ Groups int }

// Forward shuffles the channels of x [B C ...].
func (l *ChannelShuffle) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	if x.Rank() < 3 || l.Groups < 1 || x.Dim(1)%l.Groups != 0 {
		return refuse(c, "channel_shuffle", fmt.Errorf("wants an operand [B C ...] of rank 3 or more whose channels divide into %d groups", l.Groups), x)
	}
	dims := x.Shape().Dims()
	split := ops.Reshape(x, append([]int{dims[0], l.Groups, dims[1] / l.Groups}, dims[2:]...)...)
	return ops.Reshape(ops.SwapAxes(split, 1, 2), dims...)
}
