package schedule

import (
	"errors"
	"fmt"
	"math"
)

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
	return errors.Join(gamma(cfg.Gamma), cfg.Warmup.validate(), milestones(cfg.Milestones))
}

// milestones wants at least one, and all of them spans.
func milestones(list []Span) error {
	if len(list) == 0 {
		return errors.New("milestones must name at least one")
	}
	var errs []error
	for i, m := range list {
		errs = append(errs, m.validate(fmt.Sprintf("milestones.%d", i)))
	}
	return errors.Join(errs...)
}

// Endless tells whether the length of the run does not matter.
func (cfg MultiStep) Endless() bool { return counted(cfg.Warmup, cfg.Milestones...) }

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
