package schedule

import (
	"errors"
	"fmt"
	"math"
)

// Step multiplies the rate by Gamma after every Every steps:
//
//	lr * Gamma^floor(t/Every)
//
// Source: torch.optim.lr_scheduler.StepLR;
// keras.optimizers.schedules.ExponentialDecay with staircase.
type Step struct {
	Every  Span    `json:"every" yaml:"every"` // at least one step; a share is of the whole run
	Gamma  float64 `json:"gamma" yaml:"gamma"`
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// DefaultStep divides by ten; Every must be set.
func DefaultStep() Step { return Step{Gamma: 0.1} }

// Validate tells all that is wrong.
func (cfg Step) Validate() error {
	return errors.Join(cfg.Every.validate("every"), gamma(cfg.Gamma), cfg.Warmup.validate())
}

// Endless tells whether the length of the run does not matter.
func (cfg Step) Endless() bool { return counted(cfg.Warmup, cfg.Every) }

// Build makes the schedule of a run.
func (cfg Step) Build(lr float64, steps int) (Schedule, error) {
	return everySpan(cfg, "every", cfg.Every, cfg.Warmup, lr, steps, func(t, every int) float64 {
		return math.Pow(cfg.Gamma, float64(t/every))
	})
}

// everySpan builds what depends on the step and on the length of a span, which
// is a setting.
func everySpan(cfg Config, setting string, every Span, w *Warmup, lr float64, steps int, f func(t, every int) float64) (Schedule, error) {
	if _, err := check(cfg, w, lr, steps); err != nil {
		return nil, err
	}
	n := every.of(steps)
	if n < 1 {
		return nil, fmt.Errorf("schedule: %s must be at least one step, and is %d in a run of %d", setting, n, steps)
	}
	return build(cfg, w, lr, steps, func(t, _ int) float64 { return f(t, n) })
}

// gamma wants a factor above 0.
func gamma(v float64) error {
	if !(v > 0 && v-v == 0) {
		return fmt.Errorf("gamma must be a finite number above 0, got %v", v)
	}
	return nil
}
