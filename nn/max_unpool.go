package nn

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// MaxUnpoolConfig describes a [MaxUnpool]. Lists have a number for each axis
// behind the channels, in the order Z, Y, X.
type MaxUnpoolConfig struct {
	Kernel  []int `json:"kernel" yaml:"kernel"`
	Stride  []int `json:"stride" yaml:"stride"`
	Padding []int `json:"padding" yaml:"padding"` // at each side
}

// Validate tells all that is wrong.
func (cfg MaxUnpoolConfig) Validate() error {
	if len(cfg.Kernel) == 0 || len(cfg.Stride) != len(cfg.Kernel) || len(cfg.Padding) != len(cfg.Kernel) {
		return fmt.Errorf("wants kernel, stride and padding for the same axes, got %v, %v and %v", cfg.Kernel, cfg.Stride, cfg.Padding)
	}
	return cfg.shape().validate()
}

func (cfg MaxUnpoolConfig) shape() poolShape {
	return poolShape{kernel: cfg.Kernel, stride: cfg.Stride, padding: cfg.Padding}
}

// MaxUnpool is max-pooling that can be undone in part: Pool gives the largest
// element of each window and which it was, and Forward puts elements where those
// were, and 0 elsewhere. Where windows overlap and one place has the largest
// element of several, what comes there is added up; PyTorch keeps one of them.
//
// Source: Zeiler, Fergus, "Visualizing and understanding convolutional networks"
// (2013), section 2.1; torch.nn.MaxUnpool2d, and those of one and three axes,
// which number places in the image where Pool here numbers taps of the window.
type MaxUnpool struct {
	Config MaxUnpoolConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg MaxUnpoolConfig) Build() *MaxUnpool { return &MaxUnpool{cfg, cfg.Validate()} }

// Pool gives the largest element of each window of x [B C ...], and the number
// of its tap.
func (l *MaxUnpool) Pool(c *Ctx, x *ir.Value) (y, index *ir.Value) {
	defer c.Enter(l)()
	if refuses(c, "max_unpool", l.err, x, len(l.Config.Kernel)) {
		return x, x
	}
	return ops.MaxPool(x, l.Config.shape().window(x, false))
}

// Forward puts the elements of y [B C ...] where index says, in the shape of x,
// which was pooled.
func (l *MaxUnpool) Forward(c *Ctx, y, index, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "max_unpool", l.err, x, len(l.Config.Kernel)) {
		return y
	}
	return ir.Apply1(ops.MaxPoolGradOp{Window: l.Config.shape().window(x, false), Shape: x.Shape()}, y, index)
}
