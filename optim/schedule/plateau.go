package schedule

import (
	"errors"
	"fmt"
	"math"
)

// Plateau multiplies the rate by Factor when a metric has not become better for
// more than Patience evaluations in a row. Better is below best*(1-Threshold),
// or with Absolute below best-Threshold; with Maximize above best*(1+Threshold),
// or best+Threshold. A value that is not finite is not better. After a cut, Cooldown evaluations do not count as bad. The rate does
// not fall below Final times the highest, nor by less than Eps.
//
// It is an [Observer].
//
// Source: torch.optim.lr_scheduler.ReduceLROnPlateau, whose threshold_mode is
// "abs" with Absolute.
type Plateau struct {
	Metric    *string `json:"metric" yaml:"metric"` // of the validation split; null takes its loss
	Maximize  bool    `json:"maximize" yaml:"maximize"`
	Factor    float64 `json:"factor" yaml:"factor"`
	Patience  int     `json:"patience" yaml:"patience"` // evaluations
	Threshold float64 `json:"threshold" yaml:"threshold"`
	Absolute  bool    `json:"absolute" yaml:"absolute"` // threshold is an amount of the metric, not a share of it
	Cooldown  int     `json:"cooldown" yaml:"cooldown"` // evaluations
	Final     float64 `json:"final" yaml:"final"`       // smallest factor of the rate
	Eps       float64 `json:"eps" yaml:"eps"`           // smallest change of the rate
	Warmup    *Warmup `json:"warmup" yaml:"warmup"`     // null for none
}

// DefaultPlateau divides by ten after more than ten evaluations of the loss
// without progress by a ten-thousandth.
func DefaultPlateau() Plateau {
	return Plateau{Factor: 0.1, Patience: 10, Threshold: 1e-4, Eps: 1e-8}
}

// Validate tells all that is wrong.
func (cfg Plateau) Validate() error {
	errs := []error{share("final", cfg.Final), cfg.Warmup.validate()}
	that := func(ok bool, format string, v any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, v))
		}
	}
	that(cfg.Factor > 0 && cfg.Factor < 1, "factor must be above 0 and below 1, got %v", cfg.Factor)
	that(cfg.Patience >= 0, "patience must not be negative, got %d", cfg.Patience)
	errs = append(errs, threshold(cfg.Threshold, cfg.Absolute))
	that(cfg.Cooldown >= 0, "cooldown must not be negative, got %d", cfg.Cooldown)
	that(cfg.Eps >= 0 && cfg.Eps-cfg.Eps == 0, "eps must be a finite number and not negative, got %v", cfg.Eps)
	that(cfg.Metric == nil || *cfg.Metric != "", "metric must not be empty, got %q", "")
	return errors.Join(errs...)
}

// threshold wants a share below 1, or an amount.
func threshold(v float64, absolute bool) error {
	if v >= 0 && v < 1 || absolute && v >= 1 && v-v == 0 {
		return nil
	}
	if absolute {
		return fmt.Errorf("threshold must be a finite number and not negative, got %v", v)
	}
	return fmt.Errorf("threshold must be at least 0 and below 1, got %v", v)
}

// Endless tells whether the length of the run does not matter.
func (cfg Plateau) Endless() bool { return counted(cfg.Warmup) }

// Follows names what is watched.
func (cfg Plateau) Follows() (metric *string, maximize bool) { return cfg.Metric, cfg.Maximize }

// Build makes the schedule of a run. It is an [Observer].
func (cfg Plateau) Build(lr float64, steps int) (Schedule, error) {
	warm, err := check(cfg, cfg.Warmup, lr, steps)
	if err != nil {
		return nil, err
	}
	return &plateau{cfg: cfg, highest: lr, warm: warm, rate: lr}, nil
}

type plateau struct {
	cfg     Plateau
	highest float64
	warm    int // steps of warm-up

	rate    float64
	best    *float64 // nil before the first finite value
	bad     int      // evaluations without progress
	cooling int      // evaluations that do not count yet
}

func (p *plateau) At(step int) float64 {
	if step < p.warm {
		return p.rate * p.cfg.Warmup.factor(step, p.warm)
	}
	return p.rate
}

func (p *plateau) Metric() string { return named(p.cfg.Metric) }

// named is the name of a metric, the loss without one.
func named(metric *string) string {
	if metric == nil {
		return "loss"
	}
	return *metric
}

// better tells whether v is better than the best, nil if there is none yet, by
// more than a threshold.
func better(v float64, best *float64, maximize, absolute bool, threshold float64) bool {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return false
	case best == nil:
		return true
	}
	sign := 1.0
	if maximize {
		sign = -1
	}
	bar := *best * (1 - sign*threshold)
	if absolute {
		bar = *best - sign*threshold
	}
	return sign*v < sign*bar
}

func (p *plateau) Observe(v float64) {
	if better(v, p.best, p.cfg.Maximize, p.cfg.Absolute, p.cfg.Threshold) {
		p.best, p.bad = &v, 0
	} else {
		p.bad++
	}
	if p.cooling > 0 {
		p.cooling--
		p.bad = 0
	}
	if p.bad <= p.cfg.Patience {
		return
	}
	p.bad, p.cooling = 0, p.cfg.Cooldown
	if lower := max(p.rate*p.cfg.Factor, p.cfg.Final*p.highest); p.rate-lower > p.cfg.Eps {
		p.rate = lower
	}
}

// State has rate, bad and cooling, and best once there is one.
func (p *plateau) State() map[string]float64 {
	s := map[string]float64{"rate": p.rate, "bad": float64(p.bad), "cooling": float64(p.cooling)}
	if p.best != nil {
		s["best"] = *p.best
	}
	return s
}

// Restore takes the numbers of State, and no others.
func (p *plateau) Restore(state map[string]float64) error {
	next := plateau{cfg: p.cfg, highest: p.highest, warm: p.warm}
	for _, name := range []string{"rate", "bad", "cooling"} {
		if v, ok := state[name]; !ok || !(v >= 0 && v-v == 0) {
			return fmt.Errorf("schedule: the state of plateau wants %s, a finite number of at least 0, got %v", name, state)
		}
	}
	next.rate, next.bad, next.cooling = state["rate"], int(state["bad"]), int(state["cooling"])
	n := 3
	if best, ok := state["best"]; ok {
		next.best = &best
		n++
	}
	if len(state) != n {
		return fmt.Errorf("schedule: the state of plateau has rate, best, bad and cooling, got %v", state)
	}
	*p = next
	return nil
}
