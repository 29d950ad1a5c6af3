package nn

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Unfold puts the patches of images side by side: x [B C Y X],
// y [B C*Kernel^2 L]; see [ops.Unfold].
//
// Source: torch.nn.Unfold.
type Unfold struct{ ops.Patches }

// NewUnfold has square patches side by side.
func NewUnfold(kernel int) *Unfold { return &Unfold{sideBySide(kernel)} }

func sideBySide(kernel int) ops.Patches {
	k := [2]int{kernel, kernel}
	return ops.Patches{Kernel: k, Stride: k, Dilation: [2]int{1, 1}}
}

// Forward cuts x [B C Y X] in patches.
func (l *Unfold) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Unfold(x, l.Patches)
}

// Fold adds patches up to images: x [B C*Kernel^2 L], y [B C Out[0] Out[1]]; see
// [ops.Fold].
//
// Source: torch.nn.Fold.
type Fold struct {
	Out [2]int // in the order Y, X
	ops.Patches
}

// NewFold has square patches side by side.
func NewFold(y, x, kernel int) *Fold { return &Fold{[2]int{y, x}, sideBySide(kernel)} }

// Forward adds the patches x [B C*Kernel^2 L] up.
func (l *Fold) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Fold(x, l.Out, l.Patches)
}
