package schedule

import (
	"errors"
	"fmt"
	"math"
)

// CosineRestarts falls along half a cosine again and again, each time from the
// highest rate, each cycle Growth times as long as the one before. Either Cycles
// cycles fill the run, or the first is as long as First says and there are as
// many as the run has room for. In step t of the n of cycle i, from 0,
//
//	lr * (Final + (1-Final) * Peak^i * (1 + cos(pi*t/n)) / 2)
//
// Source: Loshchilov, Hutter, "SGDR" (2016), equation 5;
// torch.optim.lr_scheduler.CosineAnnealingWarmRestarts with First;
// get_cosine_with_hard_restarts_schedule_with_warmup of Transformers with Growth
// 1; keras.optimizers.schedules.CosineDecayRestarts with First, where Growth is
// t_mul, Peak m_mul and Final alpha.
type CosineRestarts struct {
	Cycles int     `json:"cycles" yaml:"cycles"` // that fill the run
	First  *Span   `json:"first" yaml:"first"`   // length of the first cycle, in place of Cycles; a share is of the whole run
	Growth float64 `json:"growth" yaml:"growth"` // of the length, from one cycle to the next
	Peak   float64 `json:"peak" yaml:"peak"`     // of the height, from one cycle to the next
	Final  float64 `json:"final" yaml:"final"`   // factor of the rate at the end of each cycle
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// DefaultCosineRestarts has four equal cycles.
func DefaultCosineRestarts() CosineRestarts { return CosineRestarts{Cycles: 4, Growth: 1, Peak: 1} }

// Validate tells all that is wrong.
func (cfg CosineRestarts) Validate() error {
	errs := []error{share("final", cfg.Final), cfg.Warmup.validate(), cfg.First.optional("first")}
	if cfg.Cycles < 1 || cfg.Cycles > 1000 {
		errs = append(errs, fmt.Errorf("cycles must be in 1..1000, got %d", cfg.Cycles))
	}
	if !(cfg.Growth >= 1 && cfg.Growth <= 1000) {
		errs = append(errs, fmt.Errorf("growth must be in 1..1000, got %v", cfg.Growth))
	}
	if !(cfg.Peak > 0 && cfg.Peak <= 1) {
		errs = append(errs, fmt.Errorf("peak must be above 0 and at most 1, got %v", cfg.Peak))
	}
	return errors.Join(errs...)
}

// Endless tells whether the length of the run does not matter.
func (cfg CosineRestarts) Endless() bool { return cfg.First != nil && counted(cfg.Warmup, *cfg.First) }

// Build makes the schedule of a run.
func (cfg CosineRestarts) Build(lr float64, steps int) (Schedule, error) {
	if cfg.First != nil {
		return everySpan(cfg, "first", *cfg.First, cfg.Warmup, lr, steps, func(t, first int) float64 {
			return cfg.at(float64(t) / float64(first))
		})
	}
	end, length := 0.0, 1.0 // in lengths of the first cycle
	for range cfg.Cycles {
		end += length
		length *= cfg.Growth
	}
	return build(cfg, cfg.Warmup, lr, steps, func(t, n int) float64 {
		if t >= n {
			return cfg.Final
		}
		return cfg.at(float64(t) * end / float64(n))
	})
}

// at is the factor at a time in lengths of the first cycle.
func (cfg CosineRestarts) at(t float64) float64 {
	cycle, p := math.Modf(t)
	if cfg.Growth > 1 {
		cycle = 0
		from, length := 0.0, 1.0
		for t >= from+length {
			from += length
			length *= cfg.Growth
			cycle++
		}
		p = (t - from) / length
	}
	return between(cfg.Final, math.Pow(cfg.Peak, cycle)*halfCosine(p))
}
