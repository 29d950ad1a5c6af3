package nn

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// PixelShuffle makes images larger by a factor with pixels from their channels:
// x [B C*Factor^2 Y X], y [B C Y*Factor X*Factor]; see [ops.PixelShuffle].
//
// Source: torch.nn.PixelShuffle.
type PixelShuffle struct{ Factor int }

// NewPixelShuffle makes the layer.
func NewPixelShuffle(factor int) *PixelShuffle { return &PixelShuffle{factor} }

// Forward shuffles x [B C*Factor^2 Y X].
func (l *PixelShuffle) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.PixelShuffle(x, l.Factor)
}

// PixelUnshuffle undoes [PixelShuffle]: x [B C Y*Factor X*Factor],
// y [B C*Factor^2 Y X].
//
// Source: torch.nn.PixelUnshuffle.
type PixelUnshuffle struct{ Factor int }

// NewPixelUnshuffle makes the layer.
func NewPixelUnshuffle(factor int) *PixelUnshuffle { return &PixelUnshuffle{factor} }

// Forward unshuffles x [B C Y*Factor X*Factor].
func (l *PixelUnshuffle) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.PixelUnshuffle(x, l.Factor)
}
