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
// Source: torch.optim.lr_scheduler.StepLR.
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

// Build makes the schedule of a run.
func (cfg Step) Build(lr float64, steps int) (Schedule, error) {
	return everySpan(cfg, cfg.Every, cfg.Warmup, lr, steps, func(t, every int) float64 {
		return math.Pow(cfg.Gamma, float64(t/every))
	})
}

// Exponential multiplies the rate by Gamma in Every steps, a little in each:
//
//	lr * Gamma^(t/Every)
//
// Source: torch.optim.lr_scheduler.ExponentialLR where Every is one step.
type Exponential struct {
	Every  Span    `json:"every" yaml:"every"` // at least one step; a share is of the whole run
	Gamma  float64 `json:"gamma" yaml:"gamma"`
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// Validate tells all that is wrong.
func (cfg Exponential) Validate() error { return Step(cfg).Validate() }

// Build makes the schedule of a run.
func (cfg Exponential) Build(lr float64, steps int) (Schedule, error) {
	return everySpan(cfg, cfg.Every, cfg.Warmup, lr, steps, func(t, every int) float64 {
		return math.Pow(cfg.Gamma, float64(t)/float64(every))
	})
}

// everySpan builds what depends on the step and on the length of a span.
func everySpan(cfg Config, every Span, w *Warmup, lr float64, steps int, f func(t, every int) float64) (Schedule, error) {
	if _, err := check(cfg, w, lr, steps); err != nil {
		return nil, err
	}
	n := every.of(steps)
	if n < 1 {
		return nil, fmt.Errorf("schedule: every must be at least one step, and is %d in a run of %d", n, steps)
	}
	return build(cfg, w, lr, steps, func(t, _ int) float64 { return f(t, n) })
}

// MultiStep multiplies the rate by Gamma at each of some steps of the run:
//
//	lr * Gamma^(number of milestones that are at most t)
//
// Milestones count from the start of the run, warm-up included.
//
// Source: torch.optim.lr_scheduler.MultiStepLR.
type MultiStep struct {
	Milestones []Span  `json:"milestones" yaml:"milestones"` // in any order
	Gamma      float64 `json:"gamma" yaml:"gamma"`
	Warmup     *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// DefaultMultiStep divides by ten; Milestones must be set.
func DefaultMultiStep() MultiStep { return MultiStep{Gamma: 0.1} }

// Validate tells all that is wrong.
func (cfg MultiStep) Validate() error {
	errs := []error{gamma(cfg.Gamma), cfg.Warmup.validate()}
	if len(cfg.Milestones) == 0 {
		errs = append(errs, errors.New("milestones must name at least one"))
	}
	for i, m := range cfg.Milestones {
		errs = append(errs, m.validate(fmt.Sprintf("milestones.%d", i)))
	}
	return errors.Join(errs...)
}

// Build makes the schedule of a run.
func (cfg MultiStep) Build(lr float64, steps int) (Schedule, error) {
	warm, err := check(cfg, cfg.Warmup, lr, steps)
	if err != nil {
		return nil, err
	}
	at := make([]int, len(cfg.Milestones))
	for i, m := range cfg.Milestones {
		at[i] = m.of(steps)
		if at[i] < warm {
			return nil, fmt.Errorf("schedule: milestones.%d: step %d lies in the warm-up of %d steps", i, at[i], warm)
		}
	}
	return build(cfg, cfg.Warmup, lr, steps, func(t, _ int) float64 {
		passed := 0
		for _, m := range at {
			if m <= t+warm {
				passed++
			}
		}
		return math.Pow(cfg.Gamma, float64(passed))
	})
}

// gamma wants a factor above 0.
func gamma(v float64) error {
	if !(v > 0 && v-v == 0) {
		return fmt.Errorf("gamma must be a finite number above 0, got %v", v)
	}
	return nil
}
