package schedule

import (
	"errors"
	"fmt"
	"math"
)

// InverseSqrt falls with the root of the step, whatever the length of the run:
//
//	lr * sqrt(Timescale / (Timescale + t))
//
// Source: get_inverse_sqrt_schedule of Transformers.
type InverseSqrt struct {
	Timescale *int    `json:"timescale" yaml:"timescale"` // steps; null takes those of the warm-up, 10000 without
	Warmup    *Warmup `json:"warmup" yaml:"warmup"`       // null for none
}

// Validate tells all that is wrong.
func (cfg InverseSqrt) Validate() error {
	errs := []error{cfg.Warmup.validate()}
	if s := cfg.Timescale; s != nil && *s < 1 {
		errs = append(errs, fmt.Errorf("timescale must be at least 1, got %d", *s))
	}
	return errors.Join(errs...)
}

// Endless tells whether the length of the run does not matter.
func (cfg InverseSqrt) Endless() bool { return counted(cfg.Warmup) }

// Build makes the schedule of a run.
func (cfg InverseSqrt) Build(lr float64, steps int) (Schedule, error) {
	scale, err := check(cfg, cfg.Warmup, lr, steps)
	if err != nil {
		return nil, err
	}
	if scale == 0 {
		scale = 10000
	}
	if cfg.Timescale != nil {
		scale = *cfg.Timescale
	}
	return build(cfg, cfg.Warmup, lr, steps, func(t, _ int) float64 {
		return 1 / math.Sqrt(float64(t+scale)/float64(scale))
	})
}
