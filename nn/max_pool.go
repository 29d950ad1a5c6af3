package nn

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// MaxPool1dConfig describes a [MaxPool1d].
type MaxPool1dConfig struct {
	Kernel   int  `json:"kernel" yaml:"kernel"`
	Stride   int  `json:"stride" yaml:"stride"`
	Padding  int  `json:"padding" yaml:"padding"`     // at each end; never the largest
	Dilation int  `json:"dilation" yaml:"dilation"`   // positions between taps
	CeilMode bool `json:"ceil_mode" yaml:"ceil_mode"` // lets the last windows reach beyond the padding
}

// DefaultMaxPool1d has windows side by side.
func DefaultMaxPool1d(kernel int) MaxPool1dConfig {
	return MaxPool1dConfig{Kernel: kernel, Stride: kernel, Dilation: 1}
}

// Validate tells all that is wrong.
func (cfg MaxPool1dConfig) Validate() error { return cfg.shape().validate() }

func (cfg MaxPool1dConfig) shape() poolShape {
	return poolShape{[]int{cfg.Kernel}, []int{cfg.Stride}, []int{cfg.Padding}, []int{cfg.Dilation}}
}

// MaxPool1d takes the largest element of each window of a sequence; NaN wins,
// and of equal ones the first gets the gradient.
// x [B C T], y [B C T'], T' = (T + 2 Padding - Dilation (Kernel-1) - 1)/Stride + 1;
// the quotient is rounded down, or up with CeilMode, but every window begins
// within x or the padding before it.
//
// Source: torch.nn.MaxPool1d.
type MaxPool1d struct {
	Config MaxPool1dConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg MaxPool1dConfig) Build() *MaxPool1d { return &MaxPool1d{cfg, cfg.Validate()} }

// NewMaxPool1d is DefaultMaxPool1d(kernel).Build().
func NewMaxPool1d(kernel int) *MaxPool1d { return DefaultMaxPool1d(kernel).Build() }

// Forward pools x [B C T].
func (l *MaxPool1d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "max_pool", l.err, x, 1) {
		return x
	}
	y, _ := ops.MaxPool(x, l.Config.shape().window(x, l.Config.CeilMode))
	return y
}

// MaxPool2dConfig describes a [MaxPool2d]. Pairs are in the order Y, X.
type MaxPool2dConfig struct {
	Kernel   [2]int `json:"kernel" yaml:"kernel"`
	Stride   [2]int `json:"stride" yaml:"stride"`
	Padding  [2]int `json:"padding" yaml:"padding"`     // at each side; never the largest
	Dilation [2]int `json:"dilation" yaml:"dilation"`   // positions between taps
	CeilMode bool   `json:"ceil_mode" yaml:"ceil_mode"` // lets the last windows reach beyond the padding
}

// DefaultMaxPool2d has square windows side by side.
func DefaultMaxPool2d(kernel int) MaxPool2dConfig {
	return MaxPool2dConfig{Kernel: [2]int{kernel, kernel}, Stride: [2]int{kernel, kernel}, Dilation: [2]int{1, 1}}
}

// Validate tells all that is wrong.
func (cfg MaxPool2dConfig) Validate() error { return cfg.shape().validate() }

func (cfg MaxPool2dConfig) shape() poolShape {
	return poolShape{cfg.Kernel[:], cfg.Stride[:], cfg.Padding[:], cfg.Dilation[:]}
}

// MaxPool2d takes the largest element of each window of an image; NaN wins,
// and of equal ones the first gets the gradient.
// x [B C Y X], y [B C Y' X'], Y' = (Y + 2 Padding - Dilation (Kernel-1) - 1)/Stride + 1, and so X';
// the quotient is rounded down, or up with CeilMode, but every window begins
// within x or the padding before it.
//
// Source: torch.nn.MaxPool2d.
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
	if refuses(c, "max_pool", l.err, x, 2) {
		return x
	}
	y, _ := ops.MaxPool(x, l.Config.shape().window(x, l.Config.CeilMode))
	return y
}

// MaxPool3dConfig describes a [MaxPool3d]. Triples are in the order Z, Y, X.
type MaxPool3dConfig struct {
	Kernel   [3]int `json:"kernel" yaml:"kernel"`
	Stride   [3]int `json:"stride" yaml:"stride"`
	Padding  [3]int `json:"padding" yaml:"padding"`     // at each side; never the largest
	Dilation [3]int `json:"dilation" yaml:"dilation"`   // positions between taps
	CeilMode bool   `json:"ceil_mode" yaml:"ceil_mode"` // lets the last windows reach beyond the padding
}

// DefaultMaxPool3d has cubic windows side by side.
func DefaultMaxPool3d(kernel int) MaxPool3dConfig {
	return MaxPool3dConfig{Kernel: [3]int{kernel, kernel, kernel}, Stride: [3]int{kernel, kernel, kernel}, Dilation: [3]int{1, 1, 1}}
}

// Validate tells all that is wrong.
func (cfg MaxPool3dConfig) Validate() error { return cfg.shape().validate() }

func (cfg MaxPool3dConfig) shape() poolShape {
	return poolShape{cfg.Kernel[:], cfg.Stride[:], cfg.Padding[:], cfg.Dilation[:]}
}

// MaxPool3d takes the largest element of each window of a volume; NaN wins,
// and of equal ones the first gets the gradient.
// x [B C Z Y X], y [B C Z' Y' X'], Z' = (Z + 2 Padding - Dilation (Kernel-1) - 1)/Stride + 1, and so Y' and X';
// the quotient is rounded down, or up with CeilMode, but every window begins
// within x or the padding before it.
//
// Source: torch.nn.MaxPool3d.
type MaxPool3d struct {
	Config MaxPool3dConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg MaxPool3dConfig) Build() *MaxPool3d { return &MaxPool3d{cfg, cfg.Validate()} }

// NewMaxPool3d is DefaultMaxPool3d(kernel).Build().
func NewMaxPool3d(kernel int) *MaxPool3d { return DefaultMaxPool3d(kernel).Build() }

// Forward pools x [B C Z Y X].
func (l *MaxPool3d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "max_pool", l.err, x, 3) {
		return x
	}
	y, _ := ops.MaxPool(x, l.Config.shape().window(x, l.Config.CeilMode))
	return y
}
