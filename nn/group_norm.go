package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// GroupNormConfig describes a [GroupNorm].
type GroupNormConfig struct {
	Groups   int     `json:"groups" yaml:"groups"`     // sets of neighbouring channels
	Channels int     `json:"channels" yaml:"channels"` // a multiple of Groups
	Eps      float64 `json:"eps" yaml:"eps"`           // added to the variance
	Affine   bool    `json:"affine" yaml:"affine"`     // has weight and bias
}

// DefaultGroupNorm has eps 1e-5, weight and bias.
func DefaultGroupNorm(groups, channels int) GroupNormConfig {
	return GroupNormConfig{Groups: groups, Channels: channels, Eps: 1e-5, Affine: true}
}

// Validate tells all that is wrong.
func (cfg GroupNormConfig) Validate() error {
	errs := []error{positive("groups", cfg.Groups, "channels", cfg.Channels)}
	if errs[0] == nil && cfg.Channels%cfg.Groups != 0 {
		errs = append(errs, fmt.Errorf("%d channels do not divide into %d groups", cfg.Channels, cfg.Groups))
	}
	if !(cfg.Eps >= 0) {
		errs = append(errs, fmt.Errorf("eps must not be negative, got %v", cfg.Eps))
	}
	return errors.Join(errs...)
}

// GroupNorm normalises each group of channels of each sample by its own mean
// and biased variance, in training and in evaluation mode alike:
//
//	y = (x - mean) / sqrt(var + Eps) * weight + bias
//
// x [B C ...], y the same, weight and bias [C], 1 and 0 at first.
//
// Source: torch.nn.GroupNorm.
type GroupNorm struct {
	Config       GroupNormConfig `param:"-"`
	Weight, Bias *Param          // nil without Affine
	err          error
}

// Build makes the layer.
func (cfg GroupNormConfig) Build() *GroupNorm {
	l := &GroupNorm{Config: cfg, err: cfg.Validate()}
	if l.err == nil && cfg.Affine {
		l.Weight, l.Bias = newParam(Ones(), cfg.Channels), newParam(Zeros(), cfg.Channels)
	}
	return l
}

// NewGroupNorm is DefaultGroupNorm(groups, channels).Build().
func NewGroupNorm(groups, channels int) *GroupNorm { return DefaultGroupNorm(groups, channels).Build() }

// Forward normalises x [B C ...].
func (l *GroupNorm) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	switch {
	case c.Graph().Err() != nil:
		return x
	case l.err != nil:
		return refuse(c, "group_norm", l.err, x)
	case x.Rank() < 2 || x.Dim(1) != l.Config.Channels:
		return refuse(c, "group_norm", fmt.Errorf("wants %d channels on axis 1", l.Config.Channels), x)
	}
	y, _, _ := ops.GroupNorm(x, optional(c, l.Weight), optional(c, l.Bias), l.Config.Groups, l.Config.Eps)
	return y
}
