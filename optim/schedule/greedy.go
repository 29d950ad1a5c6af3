package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Greedy raises the rate while a metric becomes better, and lowers it while it
// does not: it divides by Factor after more than Patience evaluations in a row
// that were better, and multiplies by it after more than Patience that were not.
// Better is below best-Threshold, or
// below best*(1-Threshold) with Relative; with Maximize above best+Threshold or
// best*(1+Threshold). A value that is not finite is not better. The rate stays
// between Final and Ceiling times the one that it starts from, and changes only
// by more than Eps. After a cut Cooldown evaluations do not count, after a rise
// Settle. When the rate was to be cut Reset times while it was at its lowest,
// everything begins again from the start.
//
// It is an [Observer].
//
// Source: "GreedyLR: A Novel Adaptive Learning Rate Scheduler" (2025);
// get_greedy_schedule of Transformers (5.24), where min_lr, 1e-3, and max_lr, 1,
// are rates, not factors, and a NaN stays in the mean of Window for ever.
type Greedy struct {
	Metric    *string `json:"metric" yaml:"metric"` // of the validation split; null takes its loss
	Maximize  bool    `json:"maximize" yaml:"maximize"`
	Factor    float64 `json:"factor" yaml:"factor"`
	Patience  int     `json:"patience" yaml:"patience"` // evaluations
	Threshold float64 `json:"threshold" yaml:"threshold"`
	Relative  bool    `json:"relative" yaml:"relative"` // threshold is a share of the metric, not an amount of it
	Cooldown  int     `json:"cooldown" yaml:"cooldown"` // evaluations after a cut
	Settle    int     `json:"settle" yaml:"settle"`     // evaluations after a rise
	Final     float64 `json:"final" yaml:"final"`       // smallest factor of the rate
	Ceiling   float64 `json:"ceiling" yaml:"ceiling"`   // largest factor of the rate
	Eps       float64 `json:"eps" yaml:"eps"`           // smallest change of the rate
	Window    *int    `json:"window" yaml:"window"`     // evaluations whose mean is watched; null watches each
	Reset     int     `json:"reset" yaml:"reset"`       // cuts at the smallest rate
	Warmup    *Warmup `json:"warmup" yaml:"warmup"`     // null for none
}

// DefaultGreedy changes the rate by a twentieth after more than ten evaluations
// of the loss, between a hundredth of it and ten times as much.
func DefaultGreedy() Greedy {
	return Greedy{Factor: 0.95, Patience: 10, Threshold: 1e-6, Final: 0.01, Ceiling: 10, Eps: 1e-8, Reset: 500}
}

// Validate tells all that is wrong.
func (cfg Greedy) Validate() error {
	errs := []error{share("final", cfg.Final), cfg.Warmup.validate(), threshold(cfg.Threshold, !cfg.Relative)}
	that := func(ok bool, format string, v any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, v))
		}
	}
	that(cfg.Factor > 0 && cfg.Factor < 1, "factor must be above 0 and below 1, got %v", cfg.Factor)
	that(cfg.Patience >= 0, "patience must not be negative, got %d", cfg.Patience)
	that(cfg.Cooldown >= 0, "cooldown must not be negative, got %d", cfg.Cooldown)
	that(cfg.Settle >= 0, "settle must not be negative, got %d", cfg.Settle)
	that(cfg.Ceiling >= 1 && cfg.Ceiling-cfg.Ceiling == 0, "ceiling must be a finite number of at least 1, got %v", cfg.Ceiling)
	that(cfg.Eps >= 0 && cfg.Eps-cfg.Eps == 0, "eps must be a finite number and not negative, got %v", cfg.Eps)
	that(cfg.Metric == nil || *cfg.Metric != "", "metric must not be empty, got %q", "")
	that(cfg.Reset >= 1, "reset must be at least 1, got %d", cfg.Reset)
	if w := cfg.Window; w != nil {
		that(*w >= 1 && *w <= maxWindow, "window must be in 1..1000, got %d", *w)
	}
	return errors.Join(errs...)
}

// maxWindow keeps the state, which goes into checkpoints, small.
const maxWindow = 1000

// Endless tells whether the length of the run does not matter.
func (cfg Greedy) Endless() bool { return counted(cfg.Warmup) }

// Follows names what is watched.
func (cfg Greedy) Follows() (metric *string, maximize bool) { return cfg.Metric, cfg.Maximize }

// Build makes the schedule of a run. It is an [Observer].
func (cfg Greedy) Build(lr float64, steps int) (Schedule, error) {
	warm, err := check(cfg, cfg.Warmup, lr, steps)
	if err != nil {
		return nil, err
	}
	g := &greedy{cfg: cfg, first: lr, warm: warm}
	g.reset()
	return g, nil
}

type greedy struct {
	cfg   Greedy
	first float64 // rate
	warm  int     // steps of warm-up
	greedyState
}

type greedyState struct {
	rate      float64
	best      *float64 // nil before the first finite value
	good, bad int      // evaluations in a row
	resting   int      // evaluations that do not count yet
	lows      int      // cuts at the smallest rate
	window    []float64
}

func (g *greedy) reset() { g.greedyState = greedyState{rate: g.first} }

func (g *greedy) At(step int) float64 {
	if step < g.warm {
		return g.rate * g.cfg.Warmup.factor(step, g.warm)
	}
	return g.rate
}

func (g *greedy) Metric() string { return named(g.cfg.Metric) }

// smooth is the mean of the last values.
func (g *greedy) smooth(v float64) float64 {
	if g.cfg.Window == nil {
		return v
	}
	g.window = append(g.window, v)
	if len(g.window) > *g.cfg.Window {
		g.window = slices.Delete(g.window, 0, 1)
	}
	sum := 0.0
	for _, v := range g.window {
		sum += v
	}
	return sum / float64(len(g.window))
}

func (g *greedy) Observe(v float64) {
	if g.cfg.Window == nil || v-v == 0 { // what is not finite would not fit into a checkpoint
		v = g.smooth(v)
	}
	if g.resting > 0 {
		g.resting--
		g.good, g.bad = 0, 0
		return
	}
	if better(v, g.best, g.cfg.Maximize, !g.cfg.Relative, g.cfg.Threshold) {
		g.best, g.good, g.bad = &v, g.good+1, 0
	} else {
		g.good, g.bad = 0, g.bad+1
	}
	switch {
	case g.good > g.cfg.Patience:
		if higher := min(g.rate/g.cfg.Factor, g.cfg.Ceiling*g.first); higher-g.rate > g.cfg.Eps {
			g.rate = higher
		}
		g.good, g.resting, g.lows = 0, g.cfg.Settle, 0
	case g.bad > g.cfg.Patience:
		g.cut()
	}
}

func (g *greedy) cut() {
	lowest := g.cfg.Final * g.first
	if lower := max(g.rate*g.cfg.Factor, lowest); g.rate-lower > g.cfg.Eps {
		g.rate = lower
	}
	g.bad = 0
	if g.rate <= lowest {
		if g.lows++; g.lows >= g.cfg.Reset {
			g.reset()
		}
	}
	g.resting = g.cfg.Cooldown
}

// State has rate, good, bad, resting and lows, best once there is one, and the
// values of the window by their numbers.
func (g *greedy) State() map[string]float64 {
	s := map[string]float64{"rate": g.rate, "good": float64(g.good), "bad": float64(g.bad), "resting": float64(g.resting), "lows": float64(g.lows)}
	if g.best != nil {
		s["best"] = *g.best
	}
	for i, v := range g.window {
		s[strconv.Itoa(i)] = v
	}
	return s
}

func (g *greedy) Restore(state map[string]float64) error {
	var next greedyState
	for _, name := range []string{"rate", "good", "bad", "resting", "lows"} {
		if v, ok := state[name]; !ok || !(v >= 0 && v-v == 0) {
			return fmt.Errorf("schedule: the state of greedy wants %s, a finite number of at least 0, got %v", name, state)
		}
	}
	next.rate = state["rate"]
	next.good, next.bad, next.resting, next.lows = int(state["good"]), int(state["bad"]), int(state["resting"]), int(state["lows"])
	n := 5
	if best, ok := state["best"]; ok {
		next.best = &best
		n++
	}
	for g.cfg.Window != nil && len(next.window) < *g.cfg.Window {
		v, ok := state[strconv.Itoa(len(next.window))]
		if !ok {
			break
		}
		next.window = append(next.window, v)
		n++
	}
	if len(state) != n {
		return fmt.Errorf("schedule: the state of greedy has rate, best, good, bad, resting, lows and the values of its window, got %v", state)
	}
	g.greedyState = next
	return nil
}
