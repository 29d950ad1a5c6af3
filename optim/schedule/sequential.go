package schedule

import (
	"errors"
	"fmt"
)

// Sequential is one schedule after another, each for a part of the run: to each,
// its part is a run of its own.
//
// Source: torch.optim.lr_scheduler.SequentialLR, whose schedules are of any
// length and are cut off at its milestones.
type Sequential struct {
	Stages []Stage `json:"stages" yaml:"stages"`
}

// A Stage is a schedule for a part of a run. The last one may leave its length
// open: it takes what is left. It also has what comes after the run.
type Stage struct {
	Share    *float64 `json:"share" yaml:"share"` // of the run's steps, rounded down
	Steps    *int     `json:"steps" yaml:"steps"` // in place of Share
	Scale    float64  `json:"scale" yaml:"scale"` // factor of the highest rate in this stage
	Schedule Config   `json:"schedule" yaml:"schedule"`
}

// DefaultStage is at the highest rate.
func DefaultStage() Stage { return Stage{Scale: 1} }

func (s Stage) span() Span { return Span{s.Share, s.Steps} }

// open tells whether the length is not given.
func (s Stage) open() bool { return s.Share == nil && s.Steps == nil }

// Validate tells all that is wrong.
func (cfg Sequential) Validate() error {
	var errs []error
	if len(cfg.Stages) == 0 {
		errs = append(errs, errors.New("stages must name at least one"))
	}
	for i, s := range cfg.Stages {
		name := fmt.Sprintf("stages.%d", i)
		if !s.open() || i < len(cfg.Stages)-1 {
			errs = append(errs, s.span().validate(name))
		}
		errs = append(errs, positive(name+".scale", s.Scale), part(name+".schedule", s.Schedule))
	}
	return errors.Join(errs...)
}

// part wants a schedule that may be a part of another one.
func part(name string, cfg Config) error {
	if cfg == nil {
		return fmt.Errorf("%s is missing", name)
	}
	if _, ok := cfg.(Follower); ok {
		return fmt.Errorf("%s follows a metric, and can't be a part of another schedule", name)
	}
	return within(name, cfg.Validate())
}

// within says where problems are, one a line.
func within(name string, err error) error {
	if err == nil {
		return nil
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, err := range all.Unwrap() {
			errs = append(errs, within(name, err))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Endless tells whether the length of the run does not matter.
func (cfg Sequential) Endless() bool {
	for i, s := range cfg.Stages {
		switch {
		case i == len(cfg.Stages)-1 && (s.open() || s.Steps != nil):
			return Endless(s.Schedule)
		case s.Steps == nil:
			return false
		}
	}
	return false
}

// Build makes the schedule of a run.
func (cfg Sequential) Build(lr float64, steps int) (Schedule, error) {
	if _, err := check(cfg, nil, lr, steps); err != nil {
		return nil, err
	}
	var parts []Schedule
	var starts []int
	start := 0
	for i, s := range cfg.Stages {
		n := steps - start
		if !s.open() {
			n = s.span().of(steps)
		}
		if n < 1 {
			return nil, fmt.Errorf("schedule: stages.%d must have at least one step, and has %d in a run of %d", i, n, steps)
		}
		built, err := s.Schedule.Build(lr*s.Scale, n)
		if err != nil {
			return nil, fmt.Errorf("schedule: stages.%d: %w", i, err)
		}
		parts, starts = append(parts, built), append(starts, start)
		start += n
	}
	return Func(func(step int) float64 {
		i := len(parts) - 1
		for step < starts[i] {
			i--
		}
		return parts[i].At(step - starts[i])
	}), nil
}
