package schedule

import (
	"errors"
	"fmt"
	"math"
)

// Cosine falls from the highest rate along half a cosine to a share of it. In
// step t of n,
//
//	lr * (Final + (1-Final) * (1 + cos(pi*t/n)) / 2)
//
// The last step of the run, n-1, comes short of Final; what comes after it has
// Final.
//
// Source: Loshchilov, Hutter, "SGDR" (2016), equation 5, without restarts;
// torch.optim.lr_scheduler.CosineAnnealingLR, which rises again after n;
// get_cosine_schedule_with_warmup and get_cosine_with_min_lr_schedule_with_warmup
// of Transformers.
type Cosine struct {
	Final  float64 `json:"final" yaml:"final"`   // factor of the rate at the end
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// Validate tells all that is wrong.
func (cfg Cosine) Validate() error {
	return errors.Join(share("final", cfg.Final), cfg.Warmup.validate())
}

// Build makes the schedule of a run.
func (cfg Cosine) Build(lr float64, steps int) (Schedule, error) {
	return build(cfg, cfg.Warmup, lr, steps, func(t, n int) float64 {
		return between(cfg.Final, halfCosine(progress(t, n)))
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

// Linear falls from the highest rate by equal amounts to a share of it. In step
// t of n,
//
//	lr * (Final + (1-Final) * (1 - t/n))
//
// Source: torch.optim.lr_scheduler.LinearLR with start_factor 1;
// get_linear_schedule_with_warmup of Transformers.
type Linear struct {
	Final  float64 `json:"final" yaml:"final"`   // factor of the rate at the end
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// Validate tells all that is wrong.
func (cfg Linear) Validate() error {
	return errors.Join(share("final", cfg.Final), cfg.Warmup.validate())
}

// Build makes the schedule of a run.
func (cfg Linear) Build(lr float64, steps int) (Schedule, error) {
	return build(cfg, cfg.Warmup, lr, steps, func(t, n int) float64 {
		return between(cfg.Final, 1-progress(t, n))
	})
}

// Polynomial falls from the highest rate to a share of it. In step t of n,
//
//	lr * (Final + (1-Final) * (1 - t/n)^Power)
//
// Source: torch.optim.lr_scheduler.PolynomialLR;
// get_polynomial_decay_schedule_with_warmup of Transformers, which ends at a
// rate of 1e-7, not at a factor.
type Polynomial struct {
	Power  float64 `json:"power" yaml:"power"`
	Final  float64 `json:"final" yaml:"final"`   // factor of the rate at the end
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// DefaultPolynomial falls along a parabola to 0.
func DefaultPolynomial() Polynomial { return Polynomial{Power: 2} }

// Validate tells all that is wrong.
func (cfg Polynomial) Validate() error {
	errs := []error{share("final", cfg.Final), cfg.Warmup.validate()}
	if !(cfg.Power > 0 && cfg.Power-cfg.Power == 0) {
		errs = append(errs, fmt.Errorf("power must be a finite number above 0, got %v", cfg.Power))
	}
	return errors.Join(errs...)
}

// Build makes the schedule of a run.
func (cfg Polynomial) Build(lr float64, steps int) (Schedule, error) {
	return build(cfg, cfg.Warmup, lr, steps, func(t, n int) float64 {
		return between(cfg.Final, math.Pow(1-progress(t, n), cfg.Power))
	})
}

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

// CosineRestarts falls along half a cosine again and again, each time from the
// highest rate: in Cycles cycles that fill the run, each Growth times as long
// as the one before.
//
// Source: Loshchilov, Hutter, "SGDR" (2016), equation 5;
// torch.optim.lr_scheduler.CosineAnnealingWarmRestarts, where the length of the
// first cycle is given; with Growth 1
// get_cosine_with_hard_restarts_schedule_with_warmup of Transformers.
type CosineRestarts struct {
	Cycles int     `json:"cycles" yaml:"cycles"`
	Growth float64 `json:"growth" yaml:"growth"`
	Final  float64 `json:"final" yaml:"final"`   // factor of the rate at the end of each cycle
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// DefaultCosineRestarts has four cycles of equal length.
func DefaultCosineRestarts() CosineRestarts { return CosineRestarts{Cycles: 4, Growth: 1} }

// Validate tells all that is wrong.
func (cfg CosineRestarts) Validate() error {
	errs := []error{share("final", cfg.Final), cfg.Warmup.validate()}
	if cfg.Cycles < 1 || cfg.Cycles > 1000 {
		errs = append(errs, fmt.Errorf("cycles must be in 1..1000, got %d", cfg.Cycles))
	}
	if !(cfg.Growth >= 1 && cfg.Growth <= 1000) {
		errs = append(errs, fmt.Errorf("growth must be in 1..1000, got %v", cfg.Growth))
	}
	return errors.Join(errs...)
}

// Build makes the schedule of a run.
func (cfg CosineRestarts) Build(lr float64, steps int) (Schedule, error) {
	var ends []float64 // of cycles, in lengths of the first
	end, length := 0.0, 1.0
	for range cfg.Cycles {
		end += length
		length *= cfg.Growth
		ends = append(ends, end)
	}
	return build(cfg, cfg.Warmup, lr, steps, func(t, n int) float64 {
		if t >= n {
			return cfg.Final
		}
		at, from := float64(t)*end/float64(n), 0.0
		for _, to := range ends {
			if at < to {
				return between(cfg.Final, halfCosine((at-from)/(to-from)))
			}
			from = to
		}
		return cfg.Final
	})
}
