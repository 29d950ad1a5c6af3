package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// LPPool1dConfig describes an [LPPool1d].
type LPPool1dConfig struct {
	Norm     float64 `json:"norm" yaml:"norm"` // the exponent
	Kernel   int     `json:"kernel" yaml:"kernel"`
	Stride   int     `json:"stride" yaml:"stride"`
	CeilMode bool    `json:"ceil_mode" yaml:"ceil_mode"` // lets the last windows reach beyond x
}

// DefaultLPPool1d has windows side by side.
func DefaultLPPool1d(norm float64, kernel int) LPPool1dConfig {
	return LPPool1dConfig{Norm: norm, Kernel: kernel, Stride: kernel}
}

// Validate tells all that is wrong.
func (cfg LPPool1dConfig) Validate() error { return validateLP(cfg.Norm, cfg.shape()) }

func (cfg LPPool1dConfig) shape() poolShape {
	return poolShape{kernel: []int{cfg.Kernel}, stride: []int{cfg.Stride}, padding: make([]int, 1)}
}

// LPPool1d takes a power mean of each window of a sequence times a constant:
//
//	y = (sum of x^Norm)^(1/Norm)
//
// A window that reaches beyond x, with CeilMode, counts as if it held more
// elements of the same mean of powers. The gradient where the sum is 0 is NaN.
// x [B C T], y [B C T'], T' = (T - Kernel)/Stride + 1; the
// quotient is rounded down, or up with CeilMode.
//
// Source: torch.nn.LPPool1d.
type LPPool1d struct {
	Config LPPool1dConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg LPPool1dConfig) Build() *LPPool1d { return &LPPool1d{cfg, cfg.Validate()} }

// NewLPPool1d is DefaultLPPool1d(norm, kernel).Build().
func NewLPPool1d(norm float64, kernel int) *LPPool1d { return DefaultLPPool1d(norm, kernel).Build() }

// Forward pools x [B C T].
func (l *LPPool1d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "lp_pool", l.err, x, 1) {
		return x
	}
	return l.Config.shape().powerMean(x, l.Config.Norm, l.Config.CeilMode)
}

// LPPool2dConfig describes an [LPPool2d]. Pairs are in the order Y, X.
type LPPool2dConfig struct {
	Norm     float64 `json:"norm" yaml:"norm"` // the exponent
	Kernel   [2]int  `json:"kernel" yaml:"kernel"`
	Stride   [2]int  `json:"stride" yaml:"stride"`
	CeilMode bool    `json:"ceil_mode" yaml:"ceil_mode"` // lets the last windows reach beyond x
}

// DefaultLPPool2d has square windows side by side.
func DefaultLPPool2d(norm float64, kernel int) LPPool2dConfig {
	return LPPool2dConfig{Norm: norm, Kernel: [2]int{kernel, kernel}, Stride: [2]int{kernel, kernel}}
}

// Validate tells all that is wrong.
func (cfg LPPool2dConfig) Validate() error { return validateLP(cfg.Norm, cfg.shape()) }

func (cfg LPPool2dConfig) shape() poolShape {
	return poolShape{kernel: cfg.Kernel[:], stride: cfg.Stride[:], padding: make([]int, 2)}
}

// LPPool2d takes a power mean of each window of an image times a constant:
//
//	y = (sum of x^Norm)^(1/Norm)
//
// A window that reaches beyond x, with CeilMode, counts as if it held more
// elements of the same mean of powers. The gradient where the sum is 0 is NaN.
// x [B C Y X], y [B C Y' X'], Y' = (Y - Kernel)/Stride + 1, and so X'; the
// quotient is rounded down, or up with CeilMode.
//
// Source: torch.nn.LPPool2d.
type LPPool2d struct {
	Config LPPool2dConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg LPPool2dConfig) Build() *LPPool2d { return &LPPool2d{cfg, cfg.Validate()} }

// NewLPPool2d is DefaultLPPool2d(norm, kernel).Build().
func NewLPPool2d(norm float64, kernel int) *LPPool2d { return DefaultLPPool2d(norm, kernel).Build() }

// Forward pools x [B C Y X].
func (l *LPPool2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "lp_pool", l.err, x, 2) {
		return x
	}
	return l.Config.shape().powerMean(x, l.Config.Norm, l.Config.CeilMode)
}

// LPPool3dConfig describes an [LPPool3d]. Triples are in the order Z, Y, X.
type LPPool3dConfig struct {
	Norm     float64 `json:"norm" yaml:"norm"` // the exponent
	Kernel   [3]int  `json:"kernel" yaml:"kernel"`
	Stride   [3]int  `json:"stride" yaml:"stride"`
	CeilMode bool    `json:"ceil_mode" yaml:"ceil_mode"` // lets the last windows reach beyond x
}

// DefaultLPPool3d has cubic windows side by side.
func DefaultLPPool3d(norm float64, kernel int) LPPool3dConfig {
	return LPPool3dConfig{Norm: norm, Kernel: [3]int{kernel, kernel, kernel}, Stride: [3]int{kernel, kernel, kernel}}
}

// Validate tells all that is wrong.
func (cfg LPPool3dConfig) Validate() error { return validateLP(cfg.Norm, cfg.shape()) }

func (cfg LPPool3dConfig) shape() poolShape {
	return poolShape{kernel: cfg.Kernel[:], stride: cfg.Stride[:], padding: make([]int, 3)}
}

// LPPool3d takes a power mean of each window of a volume times a constant:
//
//	y = (sum of x^Norm)^(1/Norm)
//
// A window that reaches beyond x, with CeilMode, counts as if it held more
// elements of the same mean of powers. The gradient where the sum is 0 is NaN.
// x [B C Z Y X], y [B C Z' Y' X'], Z' = (Z - Kernel)/Stride + 1, and so Y' and X'; the
// quotient is rounded down, or up with CeilMode.
//
// Source: torch.nn.LPPool3d.
type LPPool3d struct {
	Config LPPool3dConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg LPPool3dConfig) Build() *LPPool3d { return &LPPool3d{cfg, cfg.Validate()} }

// NewLPPool3d is DefaultLPPool3d(norm, kernel).Build().
func NewLPPool3d(norm float64, kernel int) *LPPool3d { return DefaultLPPool3d(norm, kernel).Build() }

// Forward pools x [B C Z Y X].
func (l *LPPool3d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "lp_pool", l.err, x, 3) {
		return x
	}
	return l.Config.shape().powerMean(x, l.Config.Norm, l.Config.CeilMode)
}

func validateLP(norm float64, s poolShape) error {
	err := s.validate()
	if !(norm > 0) {
		err = errors.Join(err, fmt.Errorf("norm must be positive, got %v", norm))
	}
	return err
}

func (s poolShape) powerMean(x *ir.Value, norm float64, ceil bool) *ir.Value {
	taps := 1
	for _, k := range s.kernel {
		taps *= k
	}
	mean := s.average(ops.Pow(x, ops.Scalar(x, norm)), ceil, true, nil)
	sum := ops.Mul(mean, ops.Scalar(mean, float64(taps)))
	return ops.Pow(sum, ops.Scalar(sum, 1/norm))
}
