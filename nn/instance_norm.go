package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// InstanceNormConfig describes [InstanceNorm1d], [InstanceNorm2d] and
// [InstanceNorm3d].
type InstanceNormConfig struct {
	Channels          int     `json:"channels" yaml:"channels"`
	Eps               float64 `json:"eps" yaml:"eps"`                                 // added to the variance
	Momentum          float64 `json:"momentum" yaml:"momentum"`                       // weight of a new batch in the running statistics
	Affine            bool    `json:"affine" yaml:"affine"`                           // has weight and bias
	TrackRunningStats bool    `json:"track_running_stats" yaml:"track_running_stats"` // for evaluation mode
}

// DefaultInstanceNorm has eps 1e-5, momentum 0.1, and neither weight and bias
// nor running statistics.
func DefaultInstanceNorm(channels int) InstanceNormConfig {
	return InstanceNormConfig{Channels: channels, Eps: 1e-5, Momentum: 0.1}
}

// Validate tells all that is wrong.
func (cfg InstanceNormConfig) Validate() error {
	errs := []error{positive("channels", cfg.Channels)}
	if !(cfg.Eps >= 0) {
		errs = append(errs, fmt.Errorf("eps must not be negative, got %v", cfg.Eps))
	}
	if !(cfg.Momentum >= 0 && cfg.Momentum <= 1) {
		errs = append(errs, fmt.Errorf("momentum must be in 0..1, got %v", cfg.Momentum))
	}
	return errors.Join(errs...)
}

// InstanceNorm normalises each channel of each sample; it is the part that
// [InstanceNorm1d], [InstanceNorm2d] and [InstanceNorm3d] share, and its fields are theirs:
//
//	y = (x - mean) / sqrt(var + Eps) * weight + bias
//
// Mean and biased variance are those of the channel of the sample. With running
// statistics, these move in training mode towards the average over the batch,
//
//	running = (1 - Momentum) running + Momentum average
//
// with the unbiased variance, and take the place of the sample's own in
// evaluation mode. As in PyTorch num_batches_tracked is there, and stays 0.
//
// One element a channel has no variance: that is a mistake, except in
// evaluation mode with running statistics.
//
// Source: torch.nn.InstanceNorm2d.
type InstanceNorm struct {
	Config            InstanceNormConfig `param:"-"`
	Weight, Bias      *Param             // [C]; nil without Affine
	RunningMean       *State             // [C]; nil without TrackRunningStats, as the next two
	RunningVar        *State             // [C]
	NumBatchesTracked *State             // i64 scalar
	err               error
}

func (cfg InstanceNormConfig) build() InstanceNorm {
	l := InstanceNorm{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	if cfg.Affine {
		l.Weight, l.Bias = newParam(Ones(), cfg.Channels), newParam(Zeros(), cfg.Channels)
	}
	if cfg.TrackRunningStats {
		channels := shape.Of(cfg.Channels)
		l.RunningMean = &State{DType: dtype.Float32, Shape: channels}
		l.RunningVar = &State{DType: dtype.Float32, Shape: channels, Init: Ones()}
		l.NumBatchesTracked = &State{DType: dtype.Int64}
	}
	return l
}

// normalise is the forward pass for an operand whose rank has been checked.
func (l *InstanceNorm) normalise(c *Ctx, x *ir.Value) *ir.Value {
	switch {
	case c.Graph().Err() != nil:
		return x
	case l.err != nil:
		return refuse(c, "instance_norm", l.err, x)
	case x.Dim(1) != l.Config.Channels:
		return refuse(c, "instance_norm", fmt.Errorf("wants %d channels on axis 1", l.Config.Channels), x)
	}
	weight, bias := optional(c, l.Weight), optional(c, l.Bias)
	if !c.Training() && l.RunningMean != nil {
		return normaliseBy(x, c.State(l.RunningMean), c.State(l.RunningVar), weight, bias, l.Config.Eps)
	}
	n := 1
	for _, d := range x.Shape().Dims()[2:] {
		n *= d
	}
	if n < 2 {
		return refuse(c, "instance_norm", errors.New("wants more than one element a channel"), x)
	}
	y, mean, variance := ops.GroupNorm(x, weight, bias, l.Config.Channels, l.Config.Eps)
	if c.Training() && l.RunningMean != nil {
		unbiased := ops.Mul(variance, ops.Scalar(variance, float64(n)/float64(n-1)))
		move := func(s *State, of *ir.Value) {
			old, batch := c.State(s), ops.Mean(of, 0)
			c.SetState(s, ops.Add(old, ops.Mul(ops.Scalar(old, l.Config.Momentum), ops.Sub(batch, old))))
		}
		move(l.RunningMean, mean)
		move(l.RunningVar, unbiased)
	}
	return y
}

// InstanceNorm1d is [InstanceNorm] for x [B C T].
type InstanceNorm1d struct{ InstanceNorm }

// Build1d makes a layer for sequences.
func (cfg InstanceNormConfig) Build1d() *InstanceNorm1d { return &InstanceNorm1d{cfg.build()} }

// NewInstanceNorm1d is DefaultInstanceNorm(channels).Build1d().
func NewInstanceNorm1d(channels int) *InstanceNorm1d { return DefaultInstanceNorm(channels).Build1d() }

// Forward normalises x [B C T].
func (l *InstanceNorm1d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if x.Rank() != 3 {
		return refuse(c, "instance_norm", errors.New("wants an operand [B C T]"), x)
	}
	return l.normalise(c, x)
}

// InstanceNorm2d is [InstanceNorm] for x [B C Y X].
type InstanceNorm2d struct{ InstanceNorm }

// Build2d makes a layer for images.
func (cfg InstanceNormConfig) Build2d() *InstanceNorm2d { return &InstanceNorm2d{cfg.build()} }

// NewInstanceNorm2d is DefaultInstanceNorm(channels).Build2d().
func NewInstanceNorm2d(channels int) *InstanceNorm2d { return DefaultInstanceNorm(channels).Build2d() }

// Forward normalises x [B C Y X].
func (l *InstanceNorm2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if x.Rank() != 4 {
		return refuse(c, "instance_norm", errors.New("wants an operand [B C Y X]"), x)
	}
	return l.normalise(c, x)
}

// InstanceNorm3d is [InstanceNorm] for x [B C Z Y X].
type InstanceNorm3d struct{ InstanceNorm }

// Build3d makes a layer for volumes.
func (cfg InstanceNormConfig) Build3d() *InstanceNorm3d { return &InstanceNorm3d{cfg.build()} }

// NewInstanceNorm3d is DefaultInstanceNorm(channels).Build3d().
func NewInstanceNorm3d(channels int) *InstanceNorm3d { return DefaultInstanceNorm(channels).Build3d() }

// Forward normalises x [B C Z Y X].
func (l *InstanceNorm3d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if x.Rank() != 5 {
		return refuse(c, "instance_norm", errors.New("wants an operand [B C Z Y X]"), x)
	}
	return l.normalise(c, x)
}
