package schedule

import (
	"errors"
	"fmt"
)

// PiecewiseConstant has a factor of the rate for each part of the run:
//
//	lr * Factors[number of milestones that are at most t]
//
// Source: keras.optimizers.schedules.PiecewiseConstantDecay (Keras 3.15), whose
// boundary b is the last step of a part: it is a milestone of b+1 steps;
// torch.optim.lr_scheduler.ConstantLR with Factors of its factor and 1.
type PiecewiseConstant struct {
	Milestones []Span    `json:"milestones" yaml:"milestones"` // where the next part begins, in their order
	Factors    []float64 `json:"factors" yaml:"factors"`       // one more than there are milestones
}

// Validate tells all that is wrong.
func (cfg PiecewiseConstant) Validate() error {
	errs := []error{milestones(cfg.Milestones)}
	if len(cfg.Factors) != len(cfg.Milestones)+1 {
		errs = append(errs, fmt.Errorf("factors must be one more than there are milestones, %d, got %d", len(cfg.Milestones)+1, len(cfg.Factors)))
	}
	for i, f := range cfg.Factors {
		errs = append(errs, positive(fmt.Sprintf("factors.%d", i), f))
	}
	return errors.Join(errs...)
}

// Endless tells whether the length of the run does not matter.
func (cfg PiecewiseConstant) Endless() bool { return counted(nil, cfg.Milestones...) }

// Build makes the schedule of a run.
func (cfg PiecewiseConstant) Build(lr float64, steps int) (Schedule, error) {
	if _, err := check(cfg, nil, lr, steps); err != nil {
		return nil, err
	}
	at := make([]int, len(cfg.Milestones))
	for i, m := range cfg.Milestones {
		at[i] = m.of(steps)
		if i > 0 && at[i] < at[i-1] {
			return nil, fmt.Errorf("schedule: milestones.%d: step %d comes before the milestone before it, step %d", i, at[i], at[i-1])
		}
	}
	return Func(func(step int) float64 {
		part := 0
		for part < len(at) && at[part] <= step {
			part++
		}
		return lr * cfg.Factors[part]
	}), nil
}
