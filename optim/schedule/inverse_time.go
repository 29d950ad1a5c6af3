package schedule

import (
	"errors"
	"fmt"
	"math"
)

// InverseTime falls with the step, whatever the length of the run:
//
//	lr / (1 + Rate * t/Every)
//
// or, with Staircase, after every Every steps only: t/Every is rounded down.
//
// Source: keras.optimizers.schedules.InverseTimeDecay (Keras 3.15); with Every
// one step the decay of old Keras optimizers.
type InverseTime struct {
	Every     Span    `json:"every" yaml:"every"` // at least one step; a share is of the whole run
	Rate      float64 `json:"rate" yaml:"rate"`   // 1 halves the rate after the first Every steps
	Staircase bool    `json:"staircase" yaml:"staircase"`
	Warmup    *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// DefaultInverseTime halves the rate after Every steps; Every must be set.
func DefaultInverseTime() InverseTime { return InverseTime{Rate: 1} }

// Validate tells all that is wrong.
func (cfg InverseTime) Validate() error {
	errs := []error{cfg.Every.validate("every"), cfg.Warmup.validate()}
	if !(cfg.Rate > 0 && cfg.Rate-cfg.Rate == 0) {
		errs = append(errs, fmt.Errorf("rate must be a finite number above 0, got %v", cfg.Rate))
	}
	return errors.Join(errs...)
}

// Endless tells whether the length of the run does not matter.
func (cfg InverseTime) Endless() bool { return counted(cfg.Warmup, cfg.Every) }

// Build makes the schedule of a run.
func (cfg InverseTime) Build(lr float64, steps int) (Schedule, error) {
	return everySpan(cfg, "every", cfg.Every, cfg.Warmup, lr, steps, func(t, every int) float64 {
		p := float64(t) / float64(every)
		if cfg.Staircase {
			p = math.Floor(p)
		}
		return 1 / (1 + cfg.Rate*p)
	})
}
