package schedule

import (
	"errors"
	"fmt"
)

// Chained is several schedules at once: the rate is the highest one times the
// factors of all of them.
//
// Source: torch.optim.lr_scheduler.ChainedScheduler, of schedules that multiply
// the rate.
type Chained struct {
	Schedules []Config `json:"schedules" yaml:"schedules"`
}

// Validate tells all that is wrong.
func (cfg Chained) Validate() error {
	var errs []error
	if len(cfg.Schedules) == 0 {
		errs = append(errs, errors.New("schedules must name at least one"))
	}
	for i, s := range cfg.Schedules {
		errs = append(errs, part(fmt.Sprintf("schedules.%d", i), s))
	}
	return errors.Join(errs...)
}

// Endless tells whether the length of the run does not matter.
func (cfg Chained) Endless() bool {
	for _, s := range cfg.Schedules {
		if !Endless(s) {
			return false
		}
	}
	return true
}

// Build makes the schedule of a run.
func (cfg Chained) Build(lr float64, steps int) (Schedule, error) {
	if _, err := check(cfg, nil, lr, steps); err != nil {
		return nil, err
	}
	factors := make([]Schedule, len(cfg.Schedules))
	for i, s := range cfg.Schedules {
		var err error
		if factors[i], err = s.Build(1, steps); err != nil {
			return nil, fmt.Errorf("schedule: schedules.%d: %w", i, err)
		}
	}
	return Func(func(step int) float64 {
		rate := lr
		for _, f := range factors {
			rate *= f.At(step)
		}
		return rate
	}), nil
}
