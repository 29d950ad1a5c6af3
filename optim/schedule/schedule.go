// Package schedule has learning rates as functions of the step.
//
// A config such as [Cosine] is data; its Build gives a [Schedule] for the
// highest rate and the length of a run. All of them are factors of that rate, so
// that one schedule serves groups of parameters with rates of their own. A
// [Warmup] may stand before each that doesn't go up by itself. [Sequential] and
// [Chained] make one of several; [Func] is any other.
//
// The arithmetic is in float64. Values are those of torch.optim.lr_scheduler
// (PyTorch 2.15), of the schedules of Hugging Face Transformers 5 or of Keras 3,
// as the comments say. docs/schedules.md has a picture of all of them.
package schedule

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/config"
)

// A Schedule gives the learning rate of a step, 0 in the first.
type Schedule interface{ At(step int) float64 }

// A Func is a schedule that is a function of the step alone: what
// torch.optim.lr_scheduler.LambdaLR and MultiplicativeLR do.
type Func func(step int) float64

// At is f(step).
func (f Func) At(step int) float64 { return f(step) }

// An Observer is a schedule that follows a metric of the validation split. It is
// not safe for concurrent use.
type Observer interface {
	Schedule
	// Metric names the metric: "loss", "accuracy" and so on.
	Metric() string
	// Observe takes the metric of an evaluation.
	Observe(value float64)
	// State is what Observe has changed: finite numbers, for a checkpoint.
	State() map[string]float64
	// Restore takes a State back.
	Restore(state map[string]float64) error
}

// A Config is a schedule as data.
type Config interface {
	// Validate tells all that is wrong with the settings.
	Validate() error
	// Build makes the schedule of a run of so many steps at a highest rate lr.
	Build(lr float64, steps int) (Schedule, error)
}

// A Follower is a config whose schedule is an [Observer].
type Follower interface {
	Config
	// Follows names the metric, nil for the loss, and tells whether more of it
	// is better.
	Follows() (metric *string, maximize bool)
}

// Endless tells whether a schedule does without the length of the run: a config
// says so itself, by a method of that name. Others need it.
func Endless(cfg Config) bool {
	e, ok := cfg.(interface{ Endless() bool })
	return ok && e.Endless()
}

// Kinds lists the schedules, the most usual first.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "constant", Default: Constant{}},
		{Name: "cosine", Default: Cosine{}},
		{Name: "linear", Default: Linear{}},
		{Name: "one_cycle", Default: DefaultOneCycle()},
		{Name: "step", Default: DefaultStep()},
		{Name: "multi_step", Default: DefaultMultiStep()},
		{Name: "exponential", Default: Exponential{}},
		{Name: "polynomial", Default: DefaultPolynomial()},
		{Name: "inverse_sqrt", Default: InverseSqrt{}},
		{Name: "inverse_time", Default: DefaultInverseTime()},
		{Name: "piecewise_constant", Default: PiecewiseConstant{}},
		{Name: "wsd", Default: DefaultWSD()},
		{Name: "cosine_restarts", Default: DefaultCosineRestarts()},
		{Name: "cyclic", Default: DefaultCyclic()},
		{Name: "plateau", Default: DefaultPlateau()},
		{Name: "greedy", Default: DefaultGreedy()},
		{Name: "sequential", Default: Sequential{}},
		{Name: "chained", Default: Chained{}},
	}
}

// A Span is a part of a run: one of its fields is given.
type Span struct {
	Share *float64 `json:"share" yaml:"share"` // of the run's steps, rounded down
	Steps *int     `json:"steps" yaml:"steps"`
}

// Share is a span of a share of the run.
func Share(share float64) Span { return Span{Share: &share} }

// Steps is a span of a number of steps.
func Steps(n int) Span { return Span{Steps: &n} }

// validate wants exactly one field, in its range.
func (s Span) validate(name string) error {
	switch {
	case (s.Share == nil) == (s.Steps == nil):
		return fmt.Errorf("%s wants either a share of the run or a number of steps", name)
	case s.Share != nil && !(*s.Share >= 0 && *s.Share <= 1):
		return fmt.Errorf("%s: share must be in 0..1, got %v", name, *s.Share)
	case s.Steps != nil && *s.Steps < 0:
		return fmt.Errorf("%s: steps must not be negative, got %d", name, *s.Steps)
	}
	return nil
}

// optional lets nil pass.
func (s *Span) optional(name string) error {
	if s == nil {
		return nil
	}
	return s.validate(name)
}

// counted tells whether spans, and a warm-up if there is one, are numbers of
// steps.
func counted(w *Warmup, spans ...Span) bool {
	if w != nil {
		spans = append(slices.Clip(spans), w.span())
	}
	return !slices.ContainsFunc(spans, func(s Span) bool { return s.Steps == nil })
}

// of is the number of steps in a run of so many. A share that comes within
// 1e-9 of the next step reaches it: 0.29 of 100 are 29.
func (s Span) of(steps int) int {
	if s.Steps != nil {
		return *s.Steps
	}
	return int(*s.Share*float64(steps) + 1e-9)
}

// Warmup is a rise of the rate at the start of a run. In step t of n it is, as
// a factor of the highest rate,
//
//	rise((t+1)/n)                      from 1/n to 1
//	Start + (1-Start) * rise(t/n)      with Start
//
// where rise(p) is p, so that all steps are equal, or with Shape the decay the
// other way round, shape(1-p).
//
// and what follows begins with step n, as if that were step 0 of a shorter run.
//
// Source: torch.optim.lr_scheduler.LinearLR with start_factor 1/n and
// total_iters n-1, or with start_factor Start and total_iters n. With Start 0
// it is the warm-up of Transformers, whose first step changes nothing; Shape is
// warmup_type of get_wsd_schedule.
type Warmup struct {
	Share *float64    `json:"share" yaml:"share"` // of the run's steps, rounded down
	Steps *int        `json:"steps" yaml:"steps"` // in place of Share
	Start *float64    `json:"start" yaml:"start"` // factor of the rate in the first step; null rises by equal amounts
	Shape *DecayShape `json:"shape" yaml:"shape"` // null is linear
}

func (w *Warmup) span() Span { return Span{w.Share, w.Steps} }

func (w *Warmup) validate() error {
	if w == nil {
		return nil
	}
	errs := []error{w.span().validate("warmup")}
	if s := w.Start; s != nil && !(*s >= 0 && *s <= 1) {
		errs = append(errs, fmt.Errorf("warmup: start must be in 0..1, got %v", *s))
	}
	if w.Shape != nil {
		errs = append(errs, within("warmup", w.Shape.validate()))
	}
	return errors.Join(errs...)
}

// steps is the length of the warm-up in a run of so many steps.
func (w *Warmup) steps(run int) (int, error) {
	if w == nil {
		return 0, nil
	}
	n := w.span().of(run)
	if n > run {
		return 0, fmt.Errorf("warmup of %d steps is longer than the run of %d; give a share of it", n, run)
	}
	return n, nil
}

// factor is that of step t of n.
func (w *Warmup) factor(t, n int) float64 {
	shape := DecayLinear
	if w.Shape != nil {
		shape = *w.Shape
	}
	if s := w.Start; s != nil {
		return between(*s, shape.rise(float64(t)/float64(n)))
	}
	return shape.rise(float64(t+1) / float64(n))
}

// A factor of the highest rate in step t of n after the warm-up. It is 1 in the
// first, and t may be n or more.
type factor func(t, n int) float64

// build checks everything and puts the warm-up before f.
func build(cfg Config, w *Warmup, lr float64, steps int, f factor) (Schedule, error) {
	n, err := check(cfg, w, lr, steps)
	if err != nil {
		return nil, err
	}
	return Func(func(step int) float64 {
		if step < n {
			return lr * w.factor(step, n)
		}
		return lr * f(step-n, steps-n)
	}), nil
}

// check says what is wrong with a run, and gives the length of its warm-up.
func check(cfg Config, w *Warmup, lr float64, steps int) (int, error) {
	if err := cfg.Validate(); err != nil {
		return 0, fmt.Errorf("schedule: %w", err)
	}
	if !(lr >= 0 && lr-lr == 0) {
		return 0, fmt.Errorf("schedule: the rate must be a finite number and not negative, got %v", lr)
	}
	if steps < 1 {
		return 0, fmt.Errorf("schedule: a run must have at least one step, got %d", steps)
	}
	n, err := w.steps(steps)
	if err != nil {
		return 0, fmt.Errorf("schedule: %w", err)
	}
	return n, nil
}

// share wants a factor of the rate in 0..1.
func share(name string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return fmt.Errorf("%s must be in 0..1, got %v", name, v)
	}
	return nil
}

// positive wants a factor of the rate above 0.
func positive(name string, v float64) error {
	if !(v > 0 && v-v == 0) {
		return fmt.Errorf("%s must be a finite number above 0, got %v", name, v)
	}
	return nil
}

// between is the factor that is 1 where part is 1, and low where it is 0.
func between(low, part float64) float64 { return low + (1-low)*part }
