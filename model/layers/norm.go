package layers

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func normKinds() []config.Kind {
	return []config.Kind{
		{Name: "batch_norm", Default: DefaultBatchNorm()},
		{Name: "sync_batch_norm", Default: SyncBatchNorm{DefaultBatchNorm()}},
		{Name: "layer_norm", Default: DefaultLayerNorm()},
		{Name: "group_norm", Default: DefaultGroupNorm()},
		{Name: "instance_norm", Default: DefaultInstanceNorm()},
		{Name: "rms_norm", Default: DefaultRMSNorm()},
		{Name: "local_response_norm", Default: DefaultLocalResponseNorm()},
		{Name: "unit_norm", Default: UnitNorm{UnitNorm: nn.UnitNorm{Axis: -1}}},
	}
}

// BatchNorm is nn.BatchNorm1d for [B C], [B C T] and with ChannelsLast [B T C],
// nn.BatchNorm2d for [B C Y X] and nn.BatchNorm3d for [B C Z Y X].
type BatchNorm struct {
	Named             `yaml:",inline"`
	Last              `yaml:",inline"`
	Eps               float64  `json:"eps" yaml:"eps"`           // added to the variance
	Momentum          *float64 `json:"momentum" yaml:"momentum"` // weight of a new batch in the running statistics; null weighs all batches alike
	Affine            bool     `json:"affine" yaml:"affine"`     // has weight and bias
	TrackRunningStats bool     `json:"track_running_stats" yaml:"track_running_stats"`
}

// DefaultBatchNorm has eps 1e-5, momentum 0.1, weight, bias and running
// statistics.
func DefaultBatchNorm() BatchNorm {
	return BatchNorm{Eps: 1e-5, Momentum: new(0.1), Affine: true, TrackRunningStats: true}
}

func (cfg BatchNorm) config(channels int) nn.BatchNormConfig {
	return nn.BatchNormConfig{Channels: channels, Eps: cfg.Eps, Momentum: cfg.Momentum, Affine: cfg.Affine, TrackRunningStats: cfg.TrackRunningStats}
}

// Validate tells all that is wrong.
func (cfg BatchNorm) Validate() error { return cfg.config(1).Validate() }

// Build makes the layer.
func (cfg BatchNorm) Build(x Operand) (Module, error) {
	if err := x.wants("[B C], "+cfg.sequences()+", images [B C Y X] or volumes [B C Z Y X]", 2, 3, 4, 5); err != nil {
		return nil, err
	}
	switch x.Rank() {
	case 2:
		return losing(cfg.config(x.Dim(1)).Build1d())
	case 3:
		return cfg.module(cfg.config(x.Dim(cfg.channels())).Build1d(), true)
	case 4:
		return losing(cfg.config(x.Dim(1)).Build2d())
	}
	return losing(cfg.config(x.Dim(1)).Build3d())
}

// SyncBatchNorm is nn.SyncBatchNorm for [B C ...]: in the one process that
// trains, batch_norm.
type SyncBatchNorm struct {
	BatchNorm `yaml:",inline"`
}

// Build makes the layer.
func (cfg SyncBatchNorm) Build(x Operand) (Module, error) {
	if err := x.wants("[B C], "+cfg.sequences()+", images [B C Y X] or volumes [B C Z Y X]", 2, 3, 4, 5); err != nil {
		return nil, err
	}
	if x.Rank() == 3 {
		return cfg.module(cfg.config(x.Dim(cfg.channels())).BuildSync(), true)
	}
	return losing(cfg.config(x.Dim(1)).BuildSync())
}

// LayerNorm is nn.LayerNorm over the last axes.
type LayerNorm struct {
	Named  `yaml:",inline"`
	Axes   int     `json:"axes" yaml:"axes"` // that are normalised together
	Eps    float64 `json:"eps" yaml:"eps"`   // added to the variance
	Affine bool    `json:"affine" yaml:"affine"`
	Bias   bool    `json:"bias" yaml:"bias"` // needs affine
}

// DefaultLayerNorm is over the last axis, with eps 1e-5, weight and bias.
func DefaultLayerNorm() LayerNorm { return LayerNorm{Axes: 1, Eps: 1e-5, Affine: true, Bias: true} }

func (cfg LayerNorm) config(dims []int) nn.LayerNormConfig {
	return nn.LayerNormConfig{Shape: dims, Eps: cfg.Eps, Affine: cfg.Affine, Bias: cfg.Bias}
}

// Validate tells all that is wrong.
func (cfg LayerNorm) Validate() error {
	return errors.Join(atLeast(1, "axes", cfg.Axes), cfg.config([]int{1}).Validate())
}

// Build makes the layer.
func (cfg LayerNorm) Build(x Operand) (Module, error) {
	dims, err := lastAxes(x, cfg.Axes)
	if err != nil {
		return nil, err
	}
	return keeping(cfg.config(dims).Build())
}

// lastAxes are the extents of the last n axes, that of the batch not among them.
func lastAxes(x Operand, n int) ([]int, error) {
	if !x.Type.DType.IsFloat() {
		return nil, x.whole()
	}
	if x.Rank() <= n {
		return nil, x.not(fmt.Sprintf("at least %d axes besides the batch's", n))
	}
	return x.Type.Shape.Dims()[x.Rank()-n:], nil
}

// RMSNorm is nn.RMSNorm over the last axes.
type RMSNorm struct {
	Named  `yaml:",inline"`
	Axes   int      `json:"axes" yaml:"axes"` // that are normalised together
	Eps    *float64 `json:"eps" yaml:"eps"`   // added to the mean of squares; null takes the distance from 1 to the next number
	Affine bool     `json:"affine" yaml:"affine"`
}

// DefaultRMSNorm is over the last axis, with a weight.
func DefaultRMSNorm() RMSNorm { return RMSNorm{Axes: 1, Affine: true} }

// Validate tells all that is wrong.
func (cfg RMSNorm) Validate() error {
	return errors.Join(atLeast(1, "axes", cfg.Axes), nn.RMSNormConfig{Shape: []int{1}, Eps: cfg.Eps, Affine: cfg.Affine}.Validate())
}

// Build makes the layer.
func (cfg RMSNorm) Build(x Operand) (Module, error) {
	dims, err := lastAxes(x, cfg.Axes)
	if err != nil {
		return nil, err
	}
	return keeping(nn.RMSNormConfig{Shape: dims, Eps: cfg.Eps, Affine: cfg.Affine}.Build())
}

// GroupNorm is nn.GroupNorm.
type GroupNorm struct {
	Named  `yaml:",inline"`
	Groups int     `json:"groups" yaml:"groups"` // sets of neighbouring channels; divides them
	Eps    float64 `json:"eps" yaml:"eps"`       // added to the variance
	Affine bool    `json:"affine" yaml:"affine"`
}

// DefaultGroupNorm has eps 1e-5, weight and bias; Groups must be set.
func DefaultGroupNorm() GroupNorm { return GroupNorm{Eps: 1e-5, Affine: true} }

func (cfg GroupNorm) config(channels int) nn.GroupNormConfig {
	return nn.GroupNormConfig{Groups: cfg.Groups, Channels: channels, Eps: cfg.Eps, Affine: cfg.Affine}
}

// Validate tells all that is wrong.
func (cfg GroupNorm) Validate() error { return cfg.config(max(cfg.Groups, 1)).Validate() }

// Build makes the layer.
func (cfg GroupNorm) Build(x Operand) (Module, error) {
	if err := x.wants("[B C ...]", 2, 3, 4, 5); err != nil {
		return nil, err
	}
	return losing(cfg.config(x.Dim(1)).Build())
}

// InstanceNorm is nn.InstanceNorm1d for [B C T], nn.InstanceNorm2d for [B C Y X]
// and nn.InstanceNorm3d for [B C Z Y X].
type InstanceNorm struct {
	Named             `yaml:",inline"`
	Last              `yaml:",inline"`
	Eps               float64 `json:"eps" yaml:"eps"`           // added to the variance
	Momentum          float64 `json:"momentum" yaml:"momentum"` // weight of a new batch in the running statistics
	Affine            bool    `json:"affine" yaml:"affine"`
	TrackRunningStats bool    `json:"track_running_stats" yaml:"track_running_stats"`
}

// DefaultInstanceNorm has eps 1e-5, momentum 0.1 and neither weights nor running
// statistics.
func DefaultInstanceNorm() InstanceNorm { return InstanceNorm{Eps: 1e-5, Momentum: 0.1} }

func (cfg InstanceNorm) config(channels int) nn.InstanceNormConfig {
	return nn.InstanceNormConfig{Channels: channels, Eps: cfg.Eps, Momentum: cfg.Momentum, Affine: cfg.Affine, TrackRunningStats: cfg.TrackRunningStats}
}

// Validate tells all that is wrong.
func (cfg InstanceNorm) Validate() error { return cfg.config(1).Validate() }

// Build makes the layer.
func (cfg InstanceNorm) Build(x Operand) (Module, error) {
	if err := x.wants(cfg.sequences()+", images [B C Y X] or volumes [B C Z Y X]", 3, 4, 5); err != nil {
		return nil, err
	}
	switch x.Rank() {
	case 4:
		return losing(cfg.config(x.Dim(1)).Build2d())
	case 5:
		return losing(cfg.config(x.Dim(1)).Build3d())
	}
	return cfg.module(cfg.config(x.Dim(cfg.channels())).Build1d(), true)
}

// LocalResponseNorm is nn.LocalResponseNorm.
type LocalResponseNorm struct {
	Named `yaml:",inline"`
	Size  int     `json:"size" yaml:"size"` // neighbouring channels
	Alpha float64 `json:"alpha" yaml:"alpha"`
	Beta  float64 `json:"beta" yaml:"beta"`
	K     float64 `json:"k" yaml:"k"`
}

// DefaultLocalResponseNorm has PyTorch's constants; Size must be set.
func DefaultLocalResponseNorm() LocalResponseNorm {
	return LocalResponseNorm{Alpha: 1e-4, Beta: 0.75, K: 1}
}

// Validate tells all that is wrong.
func (cfg LocalResponseNorm) Validate() error { return atLeast(1, "size", cfg.Size) }

// Build makes the layer.
func (cfg LocalResponseNorm) Build(x Operand) (Module, error) {
	if err := x.wants("[B C ...]", 3, 4, 5); err != nil {
		return nil, err
	}
	return losing(&nn.LocalResponseNorm{Size: cfg.Size, Alpha: cfg.Alpha, Beta: cfg.Beta, K: cfg.K})
}

// UnitNorm divides vectors along an axis by their length; see [nn.UnitNorm].
type UnitNorm struct {
	Named       `yaml:",inline"`
	nn.UnitNorm `yaml:",inline"`
}

// Validate has nothing to tell before there is an operand.
func (UnitNorm) Validate() error { return nil }

// Build makes the layer.
func (cfg UnitNorm) Build(x Operand) (Module, error) { return each(x, &cfg.UnitNorm) }
