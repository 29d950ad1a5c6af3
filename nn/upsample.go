package nn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// An UpsampleMode says how pixels between pixels are made.
type UpsampleMode uint8

// The modes. Linear is PyTorch's linear, bilinear or trilinear, by the number of
// spatial axes; cubic is its bicubic, and is there for any number.
const (
	UpsampleNearest UpsampleMode = iota
	UpsampleLinear
	UpsampleCubic
)

var upsampleModes = [...]string{UpsampleNearest: "nearest", UpsampleLinear: "linear", UpsampleCubic: "cubic"}

// String is "nearest", "linear" or "cubic".
func (m UpsampleMode) String() string {
	if int(m) < len(upsampleModes) {
		return upsampleModes[m]
	}
	return fmt.Sprintf("upsamplemode(%d)", uint8(m))
}

// Values lists the names.
func (UpsampleMode) Values() []string { return slices.Clone(upsampleModes[:]) }

// MarshalText writes the name.
func (m UpsampleMode) MarshalText() ([]byte, error) { return []byte(m.String()), m.validate() }

// UnmarshalText reads the name.
func (m *UpsampleMode) UnmarshalText(text []byte) error {
	for i, name := range upsampleModes {
		if name == string(text) {
			*m = UpsampleMode(i)
			return nil
		}
	}
	return fmt.Errorf("nn: no mode %q of upsampling; there are nearest, linear and cubic", text)
}

func (m UpsampleMode) validate() error {
	if int(m) >= len(upsampleModes) {
		return fmt.Errorf("there is no %v", m)
	}
	return nil
}

// UpsampleConfig describes an [Upsample]. One of Size and ScaleFactor is given;
// both have an entry for each spatial axis.
type UpsampleConfig struct {
	Size         []int        `json:"size" yaml:"size"`                 // extents of the result
	ScaleFactor  []int        `json:"scale_factor" yaml:"scale_factor"` // times the extents of the operand
	Mode         UpsampleMode `json:"mode" yaml:"mode"`
	AlignCorners bool         `json:"align_corners" yaml:"align_corners"` // linear and cubic: the first and last pixels stay where they are
}

// Validate tells all that is wrong.
func (cfg UpsampleConfig) Validate() error {
	errs := []error{positive("size", cfg.Size, "scale factor", cfg.ScaleFactor), cfg.Mode.validate()}
	if (len(cfg.Size) == 0) == (len(cfg.ScaleFactor) == 0) {
		errs = append(errs, errors.New("wants either a size or a scale factor"))
	}
	if cfg.AlignCorners && cfg.Mode == UpsampleNearest {
		errs = append(errs, errors.New("align corners is for linear and cubic upsampling"))
	}
	return errors.Join(errs...)
}

// Upsample makes sequences, images or volumes larger, or smaller.
// x [B C ...], y [B C Size].
//
// Source: torch.nn.Upsample with modes nearest, linear, bilinear,
// trilinear and bicubic;
// there scale factors may be fractions.
type Upsample struct {
	Config UpsampleConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg UpsampleConfig) Build() *Upsample { return &Upsample{cfg, cfg.Validate()} }

// NewUpsample makes images larger by a factor, each pixel becoming a square.
func NewUpsample(factor int) *Upsample {
	return UpsampleConfig{ScaleFactor: []int{factor, factor}}.Build()
}

// Forward resizes x [B C ...].
func (l *Upsample) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	if l.err != nil {
		return refuse(c, "upsample", l.err, x)
	}
	n := max(len(l.Config.Size), len(l.Config.ScaleFactor))
	if x.Rank() != 2+n {
		return refuse(c, "upsample", fmt.Errorf("wants an operand [B C ...] with %d spatial axes", n), x)
	}
	size := x.Shape().Dims()[2:]
	for i := range size {
		if len(l.Config.Size) > 0 {
			size[i] = l.Config.Size[i]
		} else {
			size[i] *= l.Config.ScaleFactor[i]
		}
	}
	switch l.Config.Mode {
	case UpsampleLinear:
		return ops.InterpolateLinear(x, l.Config.AlignCorners, size...)
	case UpsampleCubic:
		return ops.InterpolateCubic(x, l.Config.AlignCorners, size...)
	}
	return ops.InterpolateNearest(x, size...)
}
