package schedule

import "math"

// Exponential multiplies the rate by Gamma in Every steps, a little in each:
//
//	lr * Gamma^(t/Every)
//
// Source: torch.optim.lr_scheduler.ExponentialLR where Every is one step;
// keras.optimizers.schedules.ExponentialDecay without staircase.
type Exponential struct {
	Every  Span    `json:"every" yaml:"every"` // at least one step; a share is of the whole run
	Gamma  float64 `json:"gamma" yaml:"gamma"`
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// Validate tells all that is wrong.
func (cfg Exponential) Validate() error { return Step(cfg).Validate() }

// Endless tells whether the length of the run does not matter.
func (cfg Exponential) Endless() bool { return Step(cfg).Endless() }

// Build makes the schedule of a run.
func (cfg Exponential) Build(lr float64, steps int) (Schedule, error) {
	return everySpan(cfg, "every", cfg.Every, cfg.Warmup, lr, steps, func(t, every int) float64 {
		return math.Pow(cfg.Gamma, float64(t)/float64(every))
	})
}
