package layers

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func dropoutKinds() []config.Kind {
	return []config.Kind{
		{Name: "channel_dropout", Default: ChannelDropout{P: 0.5}},
		{Name: "alpha_dropout", Default: AlphaDropout{P: 0.5}},
		{Name: "feature_alpha_dropout", Default: FeatureAlphaDropout{P: 0.5}},
		{Name: "gaussian_dropout", Default: GaussianDropout{P: 0.5}},
		{Name: "gaussian_noise", Default: GaussianNoise{Std: 0.1}},
	}
}

// ChannelDropout sets whole channels of [B C ...] to 0 with probability P while
// a model is trained, and multiplies the others by 1/(1-P).
type ChannelDropout struct {
	Named `yaml:",inline"`
	P     float64 `json:"p" yaml:"p"`
}

// Validate tells all that is wrong.
func (cfg ChannelDropout) Validate() error { return probability("p", cfg.P) }

// Build makes the layer.
func (cfg ChannelDropout) Build(x Operand) (Module, error) {
	if err := x.wants("[B C ...]", 2, 3, 4, 5); err != nil {
		return nil, err
	}
	return keeping(nn.NewChannelDropout(cfg.P))
}

// AlphaDropout sets elements to where selu ends below with probability P while a
// model is trained, and keeps mean and variance.
type AlphaDropout struct {
	Named `yaml:",inline"`
	P     float64 `json:"p" yaml:"p"`
}

// Validate tells all that is wrong.
func (cfg AlphaDropout) Validate() error { return probability("p", cfg.P) }

// Build makes the layer.
func (cfg AlphaDropout) Build(x Operand) (Module, error) { return each(x, nn.NewAlphaDropout(cfg.P)) }

// FeatureAlphaDropout is [AlphaDropout] of whole channels of [B C ...].
type FeatureAlphaDropout struct {
	Named `yaml:",inline"`
	P     float64 `json:"p" yaml:"p"`
}

// Validate tells all that is wrong.
func (cfg FeatureAlphaDropout) Validate() error { return probability("p", cfg.P) }

// Build makes the layer.
func (cfg FeatureAlphaDropout) Build(x Operand) (Module, error) {
	if err := x.wants("[B C ...]", 2, 3, 4, 5); err != nil {
		return nil, err
	}
	return keeping(nn.NewFeatureAlphaDropout(cfg.P))
}

// GaussianDropout multiplies elements by numbers from N(1, P/(1-P)) while a model
// is trained.
type GaussianDropout struct {
	Named `yaml:",inline"`
	P     float64 `json:"p" yaml:"p"` // below 1
}

// Validate tells all that is wrong.
func (cfg GaussianDropout) Validate() error {
	if cfg.P == 1 {
		return errors.New("p must be below 1, got 1")
	}
	return probability("p", cfg.P)
}

// Build makes the layer.
func (cfg GaussianDropout) Build(x Operand) (Module, error) {
	return each(x, &nn.GaussianDropout{P: cfg.P})
}

// GaussianNoise adds numbers from N(0, Std^2) while a model is trained.
type GaussianNoise struct {
	Named `yaml:",inline"`
	Std   float64 `json:"std" yaml:"std"`
}

// Validate tells all that is wrong.
func (cfg GaussianNoise) Validate() error {
	if !(cfg.Std >= 0) {
		return fmt.Errorf("std must not be negative, got %v", cfg.Std)
	}
	return finite("std", cfg.Std)
}

// Build makes the layer.
func (cfg GaussianNoise) Build(x Operand) (Module, error) {
	return each(x, &nn.GaussianNoise{Std: cfg.Std})
}
