package block

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// SqueezeExcitation scales each channel of an image by a number that follows
// from the means of all channels:
//
//	y = x * scale(fc2(activation(fc1(mean of x over the image))))
//
// x [B C Y X], y the same. fc1 and fc2 are convolutions 1x1 with a bias.
//
// Source: Hu and others, "Squeeze-and-excitation networks" (2018), figure 1; keys
// as in torchvision.ops.SqueezeExcitation.
type SqueezeExcitation struct {
	FC1 *nn.Conv2d `param:"fc1"`
	FC2 *nn.Conv2d `param:"fc2"`

	activation, scale func(x *ir.Value) *ir.Value
}

// NewSqueezeExcitation makes a block with a number of channels inside.
// Convolutions are drawn from N(0, 2/(fan out)), biases are 0.
func NewSqueezeExcitation(channels, squeeze int, activation, scale func(x *ir.Value) *ir.Value) *SqueezeExcitation {
	fc := func(in, out int) *nn.Conv2d {
		l := nn.NewConv2d(in, out, 1)
		if l.Weight != nil {
			l.Weight.Init, l.Bias.Init = nn.KaimingNormal(nn.FanOut, nn.ReLUGain), nn.Zeros()
		}
		return l
	}
	return &SqueezeExcitation{fc(channels, squeeze), fc(squeeze, channels), activation, scale}
}

// Forward scales the channels of x [B C Y X].
func (l *SqueezeExcitation) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	mean := ops.Reshape(ops.Mean(x, 2, 3), x.Dim(0), x.Dim(1), 1, 1)
	s := l.scale(l.FC2.Forward(c, l.activation(l.FC1.Forward(c, mean)))) // [B C 1 1]
	return ops.Mul(x, ops.Broadcast(s, x.Shape()))
}
