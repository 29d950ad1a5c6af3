package schedule

import (
	"errors"
	"fmt"
	"math"
)

// Cosine falls from the highest rate along half a cosine to a share of it. In
// step t of n,
//
//	lr * (Final + (1-Final) * (1 + cos(2*pi*Cycles*t/n)) / 2)
//
// With half a cycle the last step of the run, n-1, comes short of Final; what
// comes after it has Final. With Reach the last step itself has it: n-1 stands
// in place of n. More cycles rise again: a whole one ends at the highest rate.
//
// Source: Loshchilov, Hutter, "SGDR" (2016), equation 5, without restarts;
// torch.optim.lr_scheduler.CosineAnnealingLR, of whose T_max a run has 2*Cycles;
// get_cosine_schedule_with_warmup and get_cosine_with_min_lr_schedule_with_warmup
// of Transformers, and get_cosine_with_min_lr_schedule_with_warmup_lr_rate with
// Reach and a warm-up of a step less; keras.optimizers.schedules.CosineDecay.
type Cosine struct {
	Final  float64  `json:"final" yaml:"final"`   // factor of the rate at the end
	Cycles *float64 `json:"cycles" yaml:"cycles"` // waves of the cosine in the run; null for half of one
	Reach  bool     `json:"reach" yaml:"reach"`   // the last step has Final; otherwise the one after it would
	Warmup *Warmup  `json:"warmup" yaml:"warmup"` // null for none
}

// Validate tells all that is wrong.
func (cfg Cosine) Validate() error {
	errs := []error{share("final", cfg.Final), cfg.Warmup.validate()}
	if c := cfg.Cycles; c != nil && !(*c > 0 && *c <= 1e6) {
		errs = append(errs, fmt.Errorf("cycles must be above 0 and at most 1e6, got %v", *c))
	}
	return errors.Join(errs...)
}

// Build makes the schedule of a run.
func (cfg Cosine) Build(lr float64, steps int) (Schedule, error) {
	halves := 1.0
	if cfg.Cycles != nil {
		halves = 2 * *cfg.Cycles
	}
	return build(cfg, cfg.Warmup, lr, steps, func(t, n int) float64 {
		if cfg.Reach {
			n--
		}
		return between(cfg.Final, halfCosine(halves*progress(t, n)))
	})
}

// halfCosine falls from 1 to 0 while p goes from 0 to 1.
func halfCosine(p float64) float64 { return (1 + math.Cos(math.Pi*p)) / 2 }

// progress is t/n, 1 from the end on.
func progress(t, n int) float64 {
	if t >= n {
		return 1
	}
	return float64(t) / float64(n)
}
