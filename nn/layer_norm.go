package nn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// LayerNormConfig describes a [LayerNorm].
type LayerNormConfig struct {
	Shape  []int   `json:"shape" yaml:"shape"`   // extents of the trailing axes that are normalised together
	Eps    float64 `json:"eps" yaml:"eps"`       // added to the variance
	Affine bool    `json:"affine" yaml:"affine"` // has a weight
	Bias   bool    `json:"bias" yaml:"bias"`     // has a bias; needs Affine
}

// DefaultLayerNorm has eps 1e-5, weight and bias.
func DefaultLayerNorm(dims ...int) LayerNormConfig {
	return LayerNormConfig{Shape: dims, Eps: 1e-5, Affine: true, Bias: true}
}

// Validate tells all that is wrong.
func (cfg LayerNormConfig) Validate() error {
	errs := []error{positive("shape", cfg.Shape)}
	if len(cfg.Shape) == 0 {
		errs = append(errs, errors.New("shape must name at least one axis"))
	} else if errs[0] == nil {
		errs = append(errs, fits(cfg.Shape...))
	}
	if !(cfg.Eps >= 0) {
		errs = append(errs, fmt.Errorf("eps must not be negative, got %v", cfg.Eps))
	}
	if cfg.Bias && !cfg.Affine {
		errs = append(errs, errors.New("bias needs affine"))
	}
	return errors.Join(errs...)
}

// LayerNorm normalises each row by its own mean and biased variance, a row
// being the last axes together:
//
//	y = (x - mean) / sqrt(var + Eps) * weight + bias
//
// x [... Shape], y the same, weight and bias [Shape], 1 and 0 at first.
//
// Source: torch.nn.LayerNorm.
type LayerNorm struct {
	Config       LayerNormConfig `param:"-"`
	Weight, Bias *Param          // nil without
	err          error
}

// Build makes the layer.
func (cfg LayerNormConfig) Build() *LayerNorm {
	l := &LayerNorm{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	if cfg.Affine {
		l.Weight = newParam(Ones(), cfg.Shape...)
	}
	if cfg.Bias {
		l.Bias = newParam(Zeros(), cfg.Shape...)
	}
	return l
}

// NewLayerNorm is DefaultLayerNorm(dims...).Build().
func NewLayerNorm(dims ...int) *LayerNorm { return DefaultLayerNorm(dims...).Build() }

// Forward normalises the last axes of x.
func (l *LayerNorm) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	if l.err != nil {
		return refuse(c, "layer_norm", l.err, x)
	}
	if !endsWith(x, l.Config.Shape) {
		return refuse(c, "layer_norm", fmt.Errorf("wants the last axes to be %v", l.Config.Shape), x)
	}
	return ops.LayerNorm(x, optional(c, l.Weight), optional(c, l.Bias), len(l.Config.Shape), l.Config.Eps)
}

// endsWith reports whether the last axes of x have the given extents.
func endsWith(x *ir.Value, dims []int) bool {
	lead := x.Rank() - len(dims)
	return lead >= 0 && slices.Equal(x.Shape().Dims()[lead:], dims)
}
