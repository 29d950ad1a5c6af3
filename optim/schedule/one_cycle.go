package schedule

import (
	"errors"
	"fmt"
)

// OneCycle rises from lr/Div to lr in a share of the run, and falls from there
// to lr/Div/FinalDiv in its last step. With ThreePhases it falls to lr/Div in as
// many steps as it rose, and then to the end.
//
// Source: Smith, Topin, "Super-convergence" (2017);
// torch.optim.lr_scheduler.OneCycleLR with max_lr the optimizer's rate and
// without its cycle of momentum.
type OneCycle struct {
	Rise        float64 `json:"rise" yaml:"rise"` // share of the run before the highest rate
	Div         float64 `json:"div" yaml:"div"`   // of the rate, at the start
	FinalDiv    float64 `json:"final_div" yaml:"final_div"`
	Anneal      Anneal  `json:"anneal" yaml:"anneal"`
	ThreePhases bool    `json:"three_phases" yaml:"three_phases"`
}

// DefaultOneCycle rises for 0.3 of the run from a 25th of the rate, and falls to
// a 10000th of that, along cosines.
func DefaultOneCycle() OneCycle {
	return OneCycle{Rise: 0.3, Div: 25, FinalDiv: 1e4, Anneal: AnnealCosine}
}

// Validate tells all that is wrong.
func (cfg OneCycle) Validate() error {
	errs := []error{within("anneal", cfg.Anneal.Validate())}
	if !(cfg.Rise > 0 && cfg.Rise < 1) {
		errs = append(errs, fmt.Errorf("rise must be above 0 and below 1, got %v", cfg.Rise))
	} else if cfg.ThreePhases && cfg.Rise > 0.5 {
		errs = append(errs, fmt.Errorf("rise must be at most 0.5 with three phases, got %v", cfg.Rise))
	}
	for _, d := range []struct {
		name string
		v    float64
	}{{"div", cfg.Div}, {"final_div", cfg.FinalDiv}} {
		if !(d.v >= 1 && d.v-d.v == 0) {
			errs = append(errs, fmt.Errorf("%s must be a finite number of at least 1, got %v", d.name, d.v))
		}
	}
	return errors.Join(errs...)
}

// Build makes the schedule of a run.
func (cfg OneCycle) Build(lr float64, steps int) (Schedule, error) {
	if _, err := check(cfg, nil, lr, steps); err != nil {
		return nil, err
	}
	low := lr / cfg.Div
	type phase struct{ end, from, to float64 } // end is a step, perhaps between two
	// a run so short that a phase has no steps begins with the next one
	rise, last := max(cfg.Rise*float64(steps)-1, 0), float64(steps-1)
	phases := []phase{{rise, low, lr}}
	if cfg.ThreePhases {
		phases = append(phases, phase{max(2*cfg.Rise*float64(steps)-2, 0), lr, low}, phase{last, low, low / cfg.FinalDiv})
	} else {
		phases = append(phases, phase{last, lr, low / cfg.FinalDiv})
	}
	return Func(func(step int) float64 {
		t, start := float64(step), 0.0
		for _, p := range phases {
			if t <= p.end && p.end > start {
				return cfg.Anneal.from(p.from, p.to, (t-start)/(p.end-start))
			}
			start = p.end
		}
		return low / cfg.FinalDiv
	}), nil
}
