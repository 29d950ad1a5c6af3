package schedule

import (
	"errors"
	"fmt"
	"math"
)

// Polynomial falls from the highest rate to a share of it. In step t of n,
//
//	lr * (Final + (1-Final) * (1 - t/n)^Power)
//
// With Cycle, n is not the length of the run but the least multiple of Cycle
// that is at least t, Cycle itself in the first step: the rate comes to Final
// and rises again, each time less high and for as long.
//
// Source: torch.optim.lr_scheduler.PolynomialLR;
// get_polynomial_decay_schedule_with_warmup of Transformers, which ends at a
// rate of 1e-7, not at a factor; keras.optimizers.schedules.PolynomialDecay, with
// cycle as here.
type Polynomial struct {
	Power  float64 `json:"power" yaml:"power"`
	Final  float64 `json:"final" yaml:"final"`   // factor of the rate at the end
	Cycle  *Span   `json:"cycle" yaml:"cycle"`   // at least one step; a share is of the whole run; null falls once
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// DefaultPolynomial falls along a parabola to 0.
func DefaultPolynomial() Polynomial { return Polynomial{Power: 2} }

// Validate tells all that is wrong.
func (cfg Polynomial) Validate() error {
	errs := []error{share("final", cfg.Final), cfg.Warmup.validate(), cfg.Cycle.optional("cycle")}
	if !(cfg.Power > 0 && cfg.Power-cfg.Power == 0) {
		errs = append(errs, fmt.Errorf("power must be a finite number above 0, got %v", cfg.Power))
	}
	return errors.Join(errs...)
}

// Endless tells whether the length of the run does not matter.
func (cfg Polynomial) Endless() bool { return cfg.Cycle != nil && counted(cfg.Warmup, *cfg.Cycle) }

// Build makes the schedule of a run.
func (cfg Polynomial) Build(lr float64, steps int) (Schedule, error) {
	if cfg.Cycle == nil {
		return build(cfg, cfg.Warmup, lr, steps, func(t, n int) float64 {
			return between(cfg.Final, math.Pow(1-progress(t, n), cfg.Power))
		})
	}
	return everySpan(cfg, "cycle", *cfg.Cycle, cfg.Warmup, lr, steps, func(t, cycle int) float64 {
		n := cycle * max(1, (t+cycle-1)/cycle)
		return between(cfg.Final, math.Pow(1-float64(t)/float64(n), cfg.Power))
	})
}
