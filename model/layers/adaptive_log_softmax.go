package layers

import (
	"errors"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func adaptiveLogSoftmaxKinds() []config.Kind {
	return []config.Kind{
		{Name: "adaptive_log_softmax", Default: AdaptiveLogSoftmax{DivValue: 4}},
	}
}

// AdaptiveLogSoftmax is nn.AdaptiveLogSoftmax: [B D] to the logarithms of
// probabilities [B Classes], for a loss of type nll.
type AdaptiveLogSoftmax struct {
	Named    `yaml:",inline"`
	Classes  *int    `json:"classes" yaml:"classes"`     // the most frequent first; null gives as many as the target has
	Cutoffs  []int   `json:"cutoffs" yaml:"cutoffs"`     // where clusters of rarer classes begin
	DivValue float64 `json:"div_value" yaml:"div_value"` // by which each cluster is narrower than the one before
	HeadBias bool    `json:"head_bias" yaml:"head_bias"`
}

// Validate tells all that is wrong.
func (cfg AdaptiveLogSoftmax) Validate() error {
	errs := []error{atLeast(1, "cutoffs", cfg.Cutoffs...), smallest("div_value", cfg.DivValue)}
	if cfg.Classes != nil {
		errs = append(errs, atLeast(2, "classes", *cfg.Classes))
	}
	return errors.Join(errs...)
}

// Build makes the layer.
func (cfg AdaptiveLogSoftmax) Build(x Operand) (Module, error) {
	if err := x.wants("vectors [B D]", 2); err != nil {
		return nil, err
	}
	classes := x.Size
	if cfg.Classes != nil {
		classes = *cfg.Classes
	}
	if classes == 0 {
		return nil, errors.New("classes must be given, since the target doesn't tell how many there are")
	}
	c := nn.AdaptiveLogSoftmaxConfig{In: x.Dim(1), Classes: classes, Cutoffs: cfg.Cutoffs, DivValue: cfg.DivValue, HeadBias: cfg.HeadBias}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return losing(c.Build())
}
