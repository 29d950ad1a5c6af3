package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// BatchNormConfig describes [BatchNorm1d], [BatchNorm2d] and
// [BatchNorm3d].
type BatchNormConfig struct {
	Channels int     `json:"channels" yaml:"channels"`
	Eps      float64 `json:"eps" yaml:"eps"` // added to the variance
	// Momentum is the weight of a new batch in the running statistics; nil
	// gives every batch so far the same weight.
	Momentum          *float64 `json:"momentum" yaml:"momentum"`
	Affine            bool     `json:"affine" yaml:"affine"`                           // has weight and bias
	TrackRunningStats bool     `json:"track_running_stats" yaml:"track_running_stats"` // else batch statistics always
}

// DefaultBatchNorm has eps 1e-5, momentum 0.1, weight and bias, and running
// statistics.
func DefaultBatchNorm(channels int) BatchNormConfig {
	return BatchNormConfig{Channels: channels, Eps: 1e-5, Momentum: new(0.1), Affine: true, TrackRunningStats: true}
}

// Validate tells all that is wrong.
func (cfg BatchNormConfig) Validate() error {
	errs := []error{positive("channels", cfg.Channels)}
	if !(cfg.Eps >= 0) {
		errs = append(errs, fmt.Errorf("eps must not be negative, got %v", cfg.Eps))
	}
	if m := cfg.Momentum; m != nil && !(*m >= 0 && *m <= 1) {
		errs = append(errs, fmt.Errorf("momentum must be in 0..1, got %v", *m))
	}
	return errors.Join(errs...)
}

// BatchNorm normalises channels; it is the part that [BatchNorm1d],
// [BatchNorm2d] and [BatchNorm3d] share, and its fields are theirs:
//
//	y = (x - mean) / sqrt(var + Eps) * weight + bias
//
// In training mode mean and var are those of the batch over all axes but that
// of the channels, and the running statistics move towards them:
//
//	running = (1 - Momentum) running + Momentum batch
//
// with the unbiased variance for running_var and the biased one in y. Without
// Momentum its place is taken by 1/num_batches_tracked. In evaluation mode mean
// and var are the running ones, where there are any.
//
// A batch of fewer than two elements a channel has no variance: in training
// mode that is a mistake.
//
// Source: torch.nn.BatchNorm2d.
type BatchNorm struct {
	Config            BatchNormConfig `param:"-"`
	Weight, Bias      *Param          // [C]; nil without Affine
	RunningMean       *State          // [C]; nil without TrackRunningStats, as the next two
	RunningVar        *State          // [C]
	NumBatchesTracked *State          // i64 scalar
	err               error
}

func (cfg BatchNormConfig) build() BatchNorm {
	l := BatchNorm{Config: cfg, err: cfg.Validate()}
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

// normalise is the forward pass with channels on axis 1.
func (l *BatchNorm) normalise(c *Ctx, x *ir.Value) *ir.Value {
	g := c.Graph()
	switch {
	case g.Err() != nil:
		return x
	case l.err != nil:
		return refuse(c, "batch_norm", l.err, x)
	case x.Dim(1) != l.Config.Channels:
		return refuse(c, "batch_norm", fmt.Errorf("wants %d channels on axis 1", l.Config.Channels), x)
	}
	weight, bias := optional(c, l.Weight), optional(c, l.Bias)
	if !c.Training() && l.RunningMean != nil {
		return normaliseBy(x, c.State(l.RunningMean), c.State(l.RunningVar), weight, bias, l.Config.Eps)
	}
	n := 1
	for a, d := range x.Shape().Dims() {
		if a != 1 {
			n *= d
		}
	}
	if n < 2 && c.Training() {
		return refuse(c, "batch_norm", errors.New("wants more than one element a channel in training mode"), x)
	}
	y, mean, variance := ops.BatchNorm(x, weight, bias, 1, l.Config.Eps)
	if c.Training() && l.RunningMean != nil {
		l.track(c, mean, variance, n)
	}
	return y
}

// normaliseBy normalises the channels on axis 1 by statistics [C]: one product
// and one sum an element, the rest is per channel. weight and bias may be nil.
func normaliseBy(x, mean, variance, weight, bias *ir.Value, eps float64) *ir.Value {
	scale := ops.Rsqrt(ops.Add(variance, ops.Scalar(variance, eps)))
	if weight != nil {
		scale = ops.Mul(scale, weight)
	}
	shift := ops.Neg(ops.Mul(mean, scale))
	if bias != nil {
		shift = ops.Add(shift, bias)
	}
	spread := func(v *ir.Value) *ir.Value { return ops.BroadcastInDim(v, x.Shape(), 1) }
	return ops.Add(ops.Mul(x, spread(scale)), spread(shift))
}

// track moves the running statistics towards those of a batch of n elements a
// channel.
func (l *BatchNorm) track(c *Ctx, mean, variance *ir.Value, n int) {
	count := c.State(l.NumBatchesTracked)
	count = ops.Add(count, ops.Scalar(count, 1))
	c.SetState(l.NumBatchesTracked, count)

	var momentum *ir.Value
	if m := l.Config.Momentum; m != nil {
		momentum = ops.Scalar(mean, *m)
	} else {
		momentum = ops.Div(ops.Scalar(mean, 1), ops.Cast(count, mean.DType()))
	}
	unbiased := ops.Mul(variance, ops.Scalar(variance, float64(n)/float64(n-1)))
	move := func(s *State, batch *ir.Value) {
		old := c.State(s)
		c.SetState(s, ops.Add(old, ops.Mul(momentum, ops.Sub(batch, old))))
	}
	move(l.RunningMean, mean)
	move(l.RunningVar, unbiased)
}

// Base is the norm itself, whatever the rank of its operand.
func (l *BatchNorm) Base() *BatchNorm { return l }

// BatchNorm1d is [BatchNorm] for x [B C] or [B C T].
type BatchNorm1d struct{ BatchNorm }

// Build1d makes a layer for vectors or sequences.
func (cfg BatchNormConfig) Build1d() *BatchNorm1d { return &BatchNorm1d{cfg.build()} }

// NewBatchNorm1d is DefaultBatchNorm(channels).Build1d().
func NewBatchNorm1d(channels int) *BatchNorm1d { return DefaultBatchNorm(channels).Build1d() }

// Forward normalises x [B C] or [B C T].
func (l *BatchNorm1d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if r := x.Rank(); r != 2 && r != 3 {
		return refuse(c, "batch_norm", errors.New("wants an operand [B C] or [B C T]"), x)
	}
	return l.normalise(c, x)
}

// BatchNorm2d is [BatchNorm] for x [B C Y X].
type BatchNorm2d struct{ BatchNorm }

// Build2d makes a layer for images.
func (cfg BatchNormConfig) Build2d() *BatchNorm2d { return &BatchNorm2d{cfg.build()} }

// NewBatchNorm2d is DefaultBatchNorm(channels).Build2d().
func NewBatchNorm2d(channels int) *BatchNorm2d { return DefaultBatchNorm(channels).Build2d() }

// Forward normalises x [B C Y X].
func (l *BatchNorm2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if x.Rank() != 4 {
		return refuse(c, "batch_norm", errors.New("wants an operand [B C Y X]"), x)
	}
	return l.normalise(c, x)
}

// BatchNorm3d is [BatchNorm] for x [B C Z Y X].
type BatchNorm3d struct{ BatchNorm }

// Build3d makes a layer for volumes.
func (cfg BatchNormConfig) Build3d() *BatchNorm3d { return &BatchNorm3d{cfg.build()} }

// NewBatchNorm3d is DefaultBatchNorm(channels).Build3d().
func NewBatchNorm3d(channels int) *BatchNorm3d { return DefaultBatchNorm(channels).Build3d() }

// Forward normalises x [B C Z Y X].
func (l *BatchNorm3d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if x.Rank() != 5 {
		return refuse(c, "batch_norm", errors.New("wants an operand [B C Z Y X]"), x)
	}
	return l.normalise(c, x)
}

// SyncBatchNorm is [BatchNorm] for x [B C ...] of any rank. Its batch is that of
// all processes that train together; Gradus trains in one, so that it is the
// batch of the step.
//
// Source: torch.nn.SyncBatchNorm.
type SyncBatchNorm struct{ BatchNorm }

// BuildSync makes a layer for an operand of any rank.
func (cfg BatchNormConfig) BuildSync() *SyncBatchNorm { return &SyncBatchNorm{cfg.build()} }

// NewSyncBatchNorm is DefaultBatchNorm(channels).BuildSync().
func NewSyncBatchNorm(channels int) *SyncBatchNorm { return DefaultBatchNorm(channels).BuildSync() }

// Forward normalises x [B C ...].
func (l *SyncBatchNorm) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if x.Rank() < 2 {
		return refuse(c, "batch_norm", errors.New("wants an operand [B C ...]"), x)
	}
	return l.normalise(c, x)
}
