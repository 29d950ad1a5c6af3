package nn

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// AvgPool1dConfig describes an [AvgPool1d].
type AvgPool1dConfig struct {
	Kernel          int  `json:"kernel" yaml:"kernel"`
	Stride          int  `json:"stride" yaml:"stride"`
	Padding         int  `json:"padding" yaml:"padding"`                     // zeros at each end
	CeilMode        bool `json:"ceil_mode" yaml:"ceil_mode"`                 // lets the last windows reach beyond the padding
	CountIncludePad bool `json:"count_include_pad" yaml:"count_include_pad"` // divide by the padding in a window too
	DivisorOverride *int `json:"divisor_override" yaml:"divisor_override"`   // divide by this; nil divides by the elements that count
}

// DefaultAvgPool1d has windows side by side.
func DefaultAvgPool1d(kernel int) AvgPool1dConfig {
	return AvgPool1dConfig{Kernel: kernel, Stride: kernel, CountIncludePad: true}
}

// Validate tells all that is wrong.
func (cfg AvgPool1dConfig) Validate() error {
	return errors.Join(cfg.shape().validate(), divisor(cfg.DivisorOverride))
}

func (cfg AvgPool1dConfig) shape() poolShape {
	return poolShape{kernel: []int{cfg.Kernel}, stride: []int{cfg.Stride}, padding: []int{cfg.Padding}}
}

// AvgPool1d takes the mean of each window of a sequence. What lies beyond the
// padding, with CeilMode, never counts.
// x [B C T], y [B C T'], T' = (T + 2 Padding - Kernel)/Stride + 1;
// the quotient is rounded down, or up with CeilMode, but every window begins
// within x or the padding before it.
//
// Source: torch.nn.AvgPool1d.
type AvgPool1d struct {
	Config AvgPool1dConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg AvgPool1dConfig) Build() *AvgPool1d { return &AvgPool1d{cfg, cfg.Validate()} }

// NewAvgPool1d is DefaultAvgPool1d(kernel).Build().
func NewAvgPool1d(kernel int) *AvgPool1d { return DefaultAvgPool1d(kernel).Build() }

// Forward pools x [B C T].
func (l *AvgPool1d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "avg_pool", l.err, x, 1) {
		return x
	}
	return l.Config.shape().average(x, l.Config.CeilMode, l.Config.CountIncludePad, l.Config.DivisorOverride)
}

// AvgPool2dConfig describes an [AvgPool2d]. Pairs are in the order Y, X.
type AvgPool2dConfig struct {
	Kernel          [2]int `json:"kernel" yaml:"kernel"`
	Stride          [2]int `json:"stride" yaml:"stride"`
	Padding         [2]int `json:"padding" yaml:"padding"`                     // zeros at each side
	CeilMode        bool   `json:"ceil_mode" yaml:"ceil_mode"`                 // lets the last windows reach beyond the padding
	CountIncludePad bool   `json:"count_include_pad" yaml:"count_include_pad"` // divide by the padding in a window too
	DivisorOverride *int   `json:"divisor_override" yaml:"divisor_override"`   // divide by this; nil divides by the elements that count
}

// DefaultAvgPool2d has square windows side by side.
func DefaultAvgPool2d(kernel int) AvgPool2dConfig {
	return AvgPool2dConfig{Kernel: [2]int{kernel, kernel}, Stride: [2]int{kernel, kernel}, CountIncludePad: true}
}

// Validate tells all that is wrong.
func (cfg AvgPool2dConfig) Validate() error {
	return errors.Join(cfg.shape().validate(), divisor(cfg.DivisorOverride))
}

func (cfg AvgPool2dConfig) shape() poolShape {
	return poolShape{kernel: cfg.Kernel[:], stride: cfg.Stride[:], padding: cfg.Padding[:]}
}

// AvgPool2d takes the mean of each window of an image. What lies beyond the
// padding, with CeilMode, never counts.
// x [B C Y X], y [B C Y' X'], Y' = (Y + 2 Padding - Kernel)/Stride + 1, and so X';
// the quotient is rounded down, or up with CeilMode, but every window begins
// within x or the padding before it.
//
// Source: torch.nn.AvgPool2d.
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
	if refuses(c, "avg_pool", l.err, x, 2) {
		return x
	}
	return l.Config.shape().average(x, l.Config.CeilMode, l.Config.CountIncludePad, l.Config.DivisorOverride)
}

// AvgPool3dConfig describes an [AvgPool3d]. Triples are in the order Z, Y, X.
type AvgPool3dConfig struct {
	Kernel          [3]int `json:"kernel" yaml:"kernel"`
	Stride          [3]int `json:"stride" yaml:"stride"`
	Padding         [3]int `json:"padding" yaml:"padding"`                     // zeros at each side
	CeilMode        bool   `json:"ceil_mode" yaml:"ceil_mode"`                 // lets the last windows reach beyond the padding
	CountIncludePad bool   `json:"count_include_pad" yaml:"count_include_pad"` // divide by the padding in a window too
	DivisorOverride *int   `json:"divisor_override" yaml:"divisor_override"`   // divide by this; nil divides by the elements that count
}

// DefaultAvgPool3d has cubic windows side by side.
func DefaultAvgPool3d(kernel int) AvgPool3dConfig {
	return AvgPool3dConfig{Kernel: [3]int{kernel, kernel, kernel}, Stride: [3]int{kernel, kernel, kernel}, CountIncludePad: true}
}

// Validate tells all that is wrong.
func (cfg AvgPool3dConfig) Validate() error {
	return errors.Join(cfg.shape().validate(), divisor(cfg.DivisorOverride))
}

func (cfg AvgPool3dConfig) shape() poolShape {
	return poolShape{kernel: cfg.Kernel[:], stride: cfg.Stride[:], padding: cfg.Padding[:]}
}

// AvgPool3d takes the mean of each window of a volume. What lies beyond the
// padding, with CeilMode, never counts.
// x [B C Z Y X], y [B C Z' Y' X'], Z' = (Z + 2 Padding - Kernel)/Stride + 1, and so Y' and X';
// the quotient is rounded down, or up with CeilMode, but every window begins
// within x or the padding before it.
//
// Source: torch.nn.AvgPool3d.
type AvgPool3d struct {
	Config AvgPool3dConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg AvgPool3dConfig) Build() *AvgPool3d { return &AvgPool3d{cfg, cfg.Validate()} }

// NewAvgPool3d is DefaultAvgPool3d(kernel).Build().
func NewAvgPool3d(kernel int) *AvgPool3d { return DefaultAvgPool3d(kernel).Build() }

// Forward pools x [B C Z Y X].
func (l *AvgPool3d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "avg_pool", l.err, x, 3) {
		return x
	}
	return l.Config.shape().average(x, l.Config.CeilMode, l.Config.CountIncludePad, l.Config.DivisorOverride)
}

func divisor(override *int) error {
	if override != nil && *override == 0 {
		return errors.New("divisor override must not be 0")
	}
	return nil
}

// average takes the mean of each window of x. PyTorch's divisor, with padding
// included, counts what a window holds of x and of the padding that was asked
// for, so that where the last windows reach further the padding becomes part of
// x.
func (s poolShape) average(x *ir.Value, ceil, include bool, divisor *int) *ir.Value {
	w := s.window(x, ceil)
	switch {
	case divisor != nil:
		taps := 1
		for _, k := range s.kernel {
			taps *= k
		}
		y := ops.AvgPool(x, w, true)
		return ops.Mul(y, ops.Scalar(y, float64(taps)/float64(*divisor)))
	case ceil && include:
		lo, hi := make([]int, x.Rank()), make([]int, x.Rank())
		for i, p := range s.padding {
			a := 2 + i
			lo[a], hi[a] = p, min(p, w.PadHi[a])
			w.PadLo[a], w.PadHi[a] = 0, w.PadHi[a]-hi[a]
		}
		return ops.AvgPool(ops.PadConstant(x, 0, lo, hi), w, false)
	}
	return ops.AvgPool(x, w, include)
}
