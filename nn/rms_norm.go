package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// RMSNormConfig describes an [RMSNorm].
type RMSNormConfig struct {
	Shape []int `json:"shape" yaml:"shape"` // extents of the trailing axes that are normalised together
	// Eps is added to the mean of squares; nil is the distance from 1 to the
	// next larger number, of float64 for operands of that type, else of float32.
	Eps    *float64 `json:"eps" yaml:"eps"`
	Affine bool     `json:"affine" yaml:"affine"` // has a weight
}

// DefaultRMSNorm has the eps of the type, and a weight.
func DefaultRMSNorm(dims ...int) RMSNormConfig { return RMSNormConfig{Shape: dims, Affine: true} }

// Validate tells all that is wrong.
func (cfg RMSNormConfig) Validate() error {
	errs := []error{positive("shape", cfg.Shape)}
	if len(cfg.Shape) == 0 {
		errs = append(errs, errors.New("shape must name at least one axis"))
	} else if errs[0] == nil {
		errs = append(errs, fits(cfg.Shape...))
	}
	if cfg.Eps != nil && !(*cfg.Eps >= 0) {
		errs = append(errs, fmt.Errorf("eps must not be negative, got %v", *cfg.Eps))
	}
	return errors.Join(errs...)
}

// RMSNorm divides each row by the root of the mean of its squares, a row being
// the last axes together:
//
//	y = x / sqrt(mean(x^2) + Eps) * weight
//
// x [... Shape], y the same, weight [Shape], 1 at first.
//
// Source: torch.nn.RMSNorm.
type RMSNorm struct {
	Config RMSNormConfig `param:"-"`
	Weight *Param        // nil without Affine
	err    error
}

// Build makes the layer.
func (cfg RMSNormConfig) Build() *RMSNorm {
	l := &RMSNorm{Config: cfg, err: cfg.Validate()}
	if l.err == nil && cfg.Affine {
		l.Weight = newParam(Ones(), cfg.Shape...)
	}
	return l
}

// NewRMSNorm is DefaultRMSNorm(dims...).Build().
func NewRMSNorm(dims ...int) *RMSNorm { return DefaultRMSNorm(dims...).Build() }

// Forward normalises the last axes of x.
func (l *RMSNorm) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	if l.err != nil {
		return refuse(c, "rms_norm", l.err, x)
	}
	if !endsWith(x, l.Config.Shape) {
		return refuse(c, "rms_norm", fmt.Errorf("wants the last axes to be %v", l.Config.Shape), x)
	}
	eps := 0x1p-23
	switch {
	case l.Config.Eps != nil:
		eps = *l.Config.Eps
	case x.DType() == dtype.Float64:
		eps = 0x1p-52
	}
	return ops.RMSNorm(x, optional(c, l.Weight), len(l.Config.Shape), eps)
}
