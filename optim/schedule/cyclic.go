package schedule

import (
	"errors"
	"fmt"
	"math"
)

// A CycleHeight is what becomes of the height of cycles.
type CycleHeight string

// The heights, in step t of cycle i, both from 0.
const (
	CycleEqual       CycleHeight = "equal"       // 1
	CycleHalving     CycleHeight = "halving"     // 1/2^i
	CycleExponential CycleHeight = "exponential" // Gamma^t
)

// Values lists the heights.
func (CycleHeight) Values() []string {
	return []string{string(CycleEqual), string(CycleHalving), string(CycleExponential)}
}

func (h CycleHeight) validate() error {
	if h != CycleEqual && h != CycleHalving && h != CycleExponential {
		return fmt.Errorf("height: there is no %q; there are %s, %s and %s", string(h), CycleEqual, CycleHalving, CycleExponential)
	}
	return nil
}

// Cyclic goes up from a share of the rate to the rate and down again, by equal
// amounts, over and over:
//
//	lr * (Low + (1-Low) * height * triangle)
//
// where triangle goes from 0 to 1 in Up steps and back to 0 in Down steps.
//
// Source: Smith, "Cyclical learning rates for training neural networks" (2017);
// torch.optim.lr_scheduler.CyclicLR with max_lr the optimizer's rate, whose
// modes are triangular, triangular2 and exp_range, without its cycle of momentum.
type Cyclic struct {
	Low    float64     `json:"low" yaml:"low"`       // factor of the rate between cycles
	Up     Span        `json:"up" yaml:"up"`         // at least one step; a share is of the whole run
	Down   *Span       `json:"down" yaml:"down"`     // null is as long as Up
	Height CycleHeight `json:"height" yaml:"height"` // of cycles
	Gamma  float64     `json:"gamma" yaml:"gamma"`   // of exponential heights, from a step to the next
}

// DefaultCyclic has equal cycles from a tenth of the rate; Up must be set.
func DefaultCyclic() Cyclic { return Cyclic{Low: 0.1, Height: CycleEqual, Gamma: 1} }

// Validate tells all that is wrong.
func (cfg Cyclic) Validate() error {
	errs := []error{share("low", cfg.Low), cfg.Up.validate("up"), cfg.Down.optional("down"), cfg.Height.validate(), gamma(cfg.Gamma)}
	switch {
	case cfg.Height == CycleExponential && cfg.Gamma > 1:
		errs = append(errs, fmt.Errorf("gamma must be at most 1, got %v", cfg.Gamma))
	case cfg.Height != CycleExponential && cfg.Gamma != 1:
		errs = append(errs, fmt.Errorf("gamma is of exponential heights: it must be 1 with %s ones, got %v", cfg.Height, cfg.Gamma))
	}
	return errors.Join(errs...)
}

// Endless tells whether the length of the run does not matter.
func (cfg Cyclic) Endless() bool { return counted(nil, cfg.Up, cfg.down()) }

func (cfg Cyclic) down() Span {
	if cfg.Down == nil {
		return cfg.Up
	}
	return *cfg.Down
}

// Build makes the schedule of a run.
func (cfg Cyclic) Build(lr float64, steps int) (Schedule, error) {
	if _, err := check(cfg, nil, lr, steps); err != nil {
		return nil, err
	}
	up, down := cfg.Up.of(steps), cfg.down().of(steps)
	if up < 1 || down < 1 {
		return nil, fmt.Errorf("schedule: up and down must be at least one step, and are %d and %d in a run of %d", up, down, steps)
	}
	return Func(func(step int) float64 {
		cycle, t := step/(up+down), step%(up+down)
		triangle := float64(t) / float64(up)
		if t > up {
			triangle = float64(up+down-t) / float64(down)
		}
		switch cfg.Height {
		case CycleHalving:
			triangle = math.Ldexp(triangle, -cycle)
		case CycleExponential:
			triangle *= math.Pow(cfg.Gamma, float64(step))
		}
		return lr * between(cfg.Low, triangle)
	}), nil
}
