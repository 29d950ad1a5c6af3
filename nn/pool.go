package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// imageWindow is a window over the two last axes of [B C Y X]. Pairs are in
// the order Y, X.
func imageWindow(kernel, stride, padding, dilation [2]int) ops.Window {
	var w ops.Window
	for a := range 4 {
		w.Size[a], w.Stride[a], w.Dilation[a] = 1, 1, 1
	}
	for i := range 2 {
		a := 2 + i
		w.Size[a], w.Stride[a], w.Dilation[a] = kernel[i], stride[i], dilation[i]
		w.PadLo[a], w.PadHi[a] = padding[i], padding[i]
	}
	return w
}

func validatePool(kernel, stride, padding, dilation [2]int) error {
	errs := []error{positive("kernel", kernel[:], "stride", stride[:], "dilation", dilation[:])}
	for i, p := range padding {
		if p < 0 || p > kernel[i]/2 {
			errs = append(errs, fmt.Errorf("padding must be at least 0 and at most half of the kernel %d, got %d", kernel[i], p))
		}
	}
	return errors.Join(errs...)
}

// MaxPool2dConfig describes a [MaxPool2d]. Pairs are in the order Y, X.
type MaxPool2dConfig struct {
	Kernel   [2]int `json:"kernel" yaml:"kernel"`
	Stride   [2]int `json:"stride" yaml:"stride"`
	Padding  [2]int `json:"padding" yaml:"padding"`   // at each side; never the largest
	Dilation [2]int `json:"dilation" yaml:"dilation"` // positions between taps
}

// DefaultMaxPool2d has square windows side by side.
func DefaultMaxPool2d(kernel int) MaxPool2dConfig {
	k := [2]int{kernel, kernel}
	return MaxPool2dConfig{Kernel: k, Stride: k, Dilation: [2]int{1, 1}}
}

// Validate tells all that is wrong.
func (cfg MaxPool2dConfig) Validate() error {
	return validatePool(cfg.Kernel, cfg.Stride, cfg.Padding, cfg.Dilation)
}

// MaxPool2d takes the largest element of each window of an image; NaN wins,
// and of equal ones the first gets the gradient.
// x [B C Y X], y [B C Y' X'], Y' = (Y + 2 Padding - Dilation (Kernel-1) - 1)/Stride + 1, and so X'.
//
// Source: torch.nn.MaxPool2d with ceil_mode=False.
type MaxPool2d struct {
	Config MaxPool2dConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg MaxPool2dConfig) Build() *MaxPool2d { return &MaxPool2d{cfg, cfg.Validate()} }

// NewMaxPool2d is DefaultMaxPool2d(kernel).Build().
func NewMaxPool2d(kernel int) *MaxPool2d { return DefaultMaxPool2d(kernel).Build() }

// Forward pools x [B C Y X].
func (l *MaxPool2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	switch {
	case c.Graph().Err() != nil:
		return x
	case l.err != nil:
		return refuse(c, "max_pool", l.err, x)
	case x.Rank() != 4:
		return refuse(c, "max_pool", errors.New("wants an operand [B C Y X]"), x)
	}
	y, _ := ops.MaxPool(x, imageWindow(l.Config.Kernel, l.Config.Stride, l.Config.Padding, l.Config.Dilation))
	return y
}

// AvgPool2dConfig describes an [AvgPool2d]. Pairs are in the order Y, X.
type AvgPool2dConfig struct {
	Kernel          [2]int `json:"kernel" yaml:"kernel"`
	Stride          [2]int `json:"stride" yaml:"stride"`
	Padding         [2]int `json:"padding" yaml:"padding"`                     // zeros at each side
	CountIncludePad bool   `json:"count_include_pad" yaml:"count_include_pad"` // divide by the whole window at the edge too
}

// DefaultAvgPool2d has square windows side by side.
func DefaultAvgPool2d(kernel int) AvgPool2dConfig {
	k := [2]int{kernel, kernel}
	return AvgPool2dConfig{Kernel: k, Stride: k, CountIncludePad: true}
}

// Validate tells all that is wrong.
func (cfg AvgPool2dConfig) Validate() error {
	return validatePool(cfg.Kernel, cfg.Stride, cfg.Padding, [2]int{1, 1})
}

// AvgPool2d takes the mean of each window of an image.
// x [B C Y X], y [B C Y' X'], Y' = (Y + 2 Padding - Kernel)/Stride + 1, and so X'.
//
// Source: torch.nn.AvgPool2d with ceil_mode=False.
type AvgPool2d struct {
	Config AvgPool2dConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg AvgPool2dConfig) Build() *AvgPool2d { return &AvgPool2d{cfg, cfg.Validate()} }

// NewAvgPool2d is DefaultAvgPool2d(kernel).Build().
func NewAvgPool2d(kernel int) *AvgPool2d { return DefaultAvgPool2d(kernel).Build() }

// Forward pools x [B C Y X].
func (l *AvgPool2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	switch {
	case c.Graph().Err() != nil:
		return x
	case l.err != nil:
		return refuse(c, "avg_pool", l.err, x)
	case x.Rank() != 4:
		return refuse(c, "avg_pool", errors.New("wants an operand [B C Y X]"), x)
	}
	return ops.AvgPool(x, imageWindow(l.Config.Kernel, l.Config.Stride, l.Config.Padding, [2]int{1, 1}), l.Config.CountIncludePad)
}
