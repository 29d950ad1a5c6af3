package optim

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/tensor"
)

// LBFGS is Newton's method with an inverse Hessian made of the last steps. It is
// for losses without chance: all data in each step, no dropout. One step makes
// up to MaxIter iterations from parameters x with gradient g:
//
//	s, y  = the last change of x, and that of g           kept where s*y > 1e-10
//	d     = -H*g                                          the two loops over the kept s and y
//	x     = x + t*d
//
// where H starts from s*y/(y*y) of the last pair, and in the first iteration is
// 1. Without LineSearch t is the rate; in the first iteration it is
// min(1, 1/sum|g|) times the rate. With it t is a length that meets the strong
// Wolfe conditions, which are searched for from there.
//
// A step ends early when it has evaluated the loss MaxEval times, when no |g| is
// above ToleranceGrad, when d does not lead down by more than ToleranceChange,
// or when neither x nor the loss has changed by more.
//
// A loop over batches has one gradient for each; this takes several. It is no
// [Config] therefore: a program calls [Search.Step] with what evaluates its loss.
// All is computed in float64, whatever the type of the parameters; the memory is
// 16 bytes a parameter for each of HistorySize pairs.
//
// Source: Nocedal, Wright, "Numerical optimization" (2006), algorithms 7.4, 3.5
// and 3.6; torch.optim.LBFGS, whose line search and tests these are. It computes
// in the type of the parameters.
type LBFGS struct {
	LR              float64    `json:"lr" yaml:"lr"`
	MaxIter         int        `json:"max_iter" yaml:"max_iter"` // iterations a step
	MaxEval         *int       `json:"max_eval" yaml:"max_eval"` // evaluations a step; null is a quarter more than MaxIter
	ToleranceGrad   float64    `json:"tolerance_grad" yaml:"tolerance_grad"`
	ToleranceChange float64    `json:"tolerance_change" yaml:"tolerance_change"`
	HistorySize     int        `json:"history_size" yaml:"history_size"` // pairs of changes that are kept
	LineSearch      LineSearch `json:"line_search" yaml:"line_search"`
	Maximize        bool       `json:"maximize" yaml:"maximize"`
}

// A LineSearch says how far an iteration of [LBFGS] goes.
type LineSearch string

// The line searches.
const (
	FixedStep   LineSearch = "fixed"
	StrongWolfe LineSearch = "strong_wolfe"
)

// Values lists the line searches.
func (LineSearch) Values() []string { return []string{string(FixedStep), string(StrongWolfe)} }

// DefaultLBFGS has rate 1, 20 iterations a step, a history of 100, and no line
// search.
func DefaultLBFGS() LBFGS {
	return LBFGS{LR: 1, MaxIter: 20, ToleranceGrad: 1e-7, ToleranceChange: 1e-9, HistorySize: 100, LineSearch: FixedStep}
}

// Validate tells all that is wrong.
func (cfg LBFGS) Validate() error {
	var c checker
	c.atLeast0("lr", cfg.LR)
	c.that(cfg.MaxIter >= 1, "max_iter must be at least 1, got %d", cfg.MaxIter)
	if cfg.MaxEval != nil {
		c.that(*cfg.MaxEval >= 1, "max_eval must be at least 1, got %d", *cfg.MaxEval)
	}
	c.atLeast0("tolerance_grad", cfg.ToleranceGrad)
	c.atLeast0("tolerance_change", cfg.ToleranceChange)
	c.that(cfg.HistorySize >= 1, "history_size must be at least 1, got %d", cfg.HistorySize)
	c.that(cfg.LineSearch == FixedStep || cfg.LineSearch == StrongWolfe, "line_search must be fixed or strong_wolfe, got %q", string(cfg.LineSearch))
	return c.err()
}

// Build starts a search at params, which its steps change in place: tensors of
// floating-point types, copies of the values that a store has.
func (cfg LBFGS) Build(params []*tensor.Tensor) (*Search, error) {
	err := cfg.Validate()
	s := &Search{cfg: cfg, params: params, most: cfg.MaxIter * 5 / 4}
	if cfg.MaxEval != nil {
		s.most = *cfg.MaxEval
	}
	for i, p := range params {
		if !p.DType().IsFloat() {
			err = errors.Join(err, fmt.Errorf("parameter %d is %v and has no gradient", i, p))
		}
		s.n += p.Size()
	}
	if err == nil && s.n == 0 {
		err = errors.New("there is no parameter to train")
	}
	if err != nil {
		return nil, fmt.Errorf("optim: lbfgs: %w", err)
	}
	return s, nil
}

// A Search is the state of [LBFGS]. One goroutine uses it at a time.
type Search struct {
	cfg       LBFGS
	params    []*tensor.Tensor
	n, most   int
	history   []pair
	diagonal  float64
	d, before []float64 // the last direction, and the gradient that it was taken at
	t         float64   // the last length
	iter      int
	evals     int
	evaluate  func() (float64, []*tensor.Tensor, error)
	err       error // of evaluate, the first one
}

// A pair is a change of the parameters, that of the gradient, and 1/(s*y).
type pair struct {
	s, y []float64
	rho  float64
}

// Evaluations is how often the loss was evaluated so far.
func (s *Search) Evaluations() int { return s.evals }

// Iterations is the number of iterations so far.
func (s *Search) Iterations() int { return s.iter }

// Step improves the parameters. The function evaluate returns the loss of their
// present values and the gradients, which it may overwrite when it is called
// again. Step returns the loss before the step. Where evaluate fails it is not
// called again, Step returns its error, and the search is of no use any more.
func (s *Search) Step(evaluate func() (loss float64, grads []*tensor.Tensor, err error)) (float64, error) {
	s.evaluate, s.err = evaluate, nil
	first, g := s.here()
	loss, evals := first, 1
	for i := 0; s.err == nil && largest(g) > s.cfg.ToleranceGrad; {
		i++
		s.iter++
		s.direct(g)
		s.before = g
		previous, down := loss, dot(g, s.d)
		s.t = s.cfg.LR
		if s.iter == 1 {
			s.t *= min(1, 1/sum(g))
		}
		if down > -s.cfg.ToleranceChange {
			break
		}
		switch x := s.read(); {
		case s.cfg.LineSearch == StrongWolfe:
			var used int
			loss, g, s.t, used = s.wolfe(x, s.t, loss, g, down, s.most-evals)
			s.move(x, s.t)
			evals += used
		default:
			s.move(x, s.t)
			if i < s.cfg.MaxIter { // the next step evaluates it otherwise
				loss, g = s.here()
				evals++
			}
		}
		if i == s.cfg.MaxIter || evals >= s.most || largest(s.d)*math.Abs(s.t) <= s.cfg.ToleranceChange || math.Abs(loss-previous) < s.cfg.ToleranceChange {
			break
		}
	}
	if s.cfg.Maximize {
		first = -first
	}
	return first, s.err
}

// here is the loss and the gradient of the present parameters, to be minimised.
// Behind an error the gradient is 0, which ends every loop.
func (s *Search) here() (float64, []float64) {
	g := make([]float64, 0, s.n)
	if s.err != nil {
		return 0, g[:s.n]
	}
	s.evals++
	loss, grads, err := s.evaluate()
	if err == nil && len(grads) != len(s.params) {
		err = fmt.Errorf("optim: lbfgs: %d gradients for %d parameters", len(grads), len(s.params))
	}
	for i, p := range s.params {
		if err == nil && grads[i].Shape() != p.Shape() {
			err = fmt.Errorf("optim: lbfgs: gradient %d is %v, the parameter %v", i, grads[i], p)
		}
		for j := 0; err == nil && j < p.Size(); j++ {
			g = append(g, grads[i].Float(j))
		}
	}
	if err != nil {
		s.err = err
		return 0, make([]float64, s.n)
	}
	if s.cfg.Maximize {
		loss = -loss
		for i := range g {
			g[i] = -g[i]
		}
	}
	return loss, g
}

// direct makes the direction of an iteration, from what the last one changed.
func (s *Search) direct(g []float64) {
	d := make([]float64, s.n)
	for i, v := range g {
		d[i] = -v
	}
	if s.d == nil {
		s.d, s.diagonal = d, 1
		return
	}
	p := pair{s: make([]float64, s.n), y: make([]float64, s.n)}
	for i := range g {
		p.s[i], p.y[i] = s.t*s.d[i], g[i]-s.before[i]
	}
	if ys := dot(p.y, p.s); ys > 1e-10 {
		if len(s.history) == s.cfg.HistorySize {
			s.history = append(s.history[:0], s.history[1:]...)
		}
		p.rho = 1 / ys
		s.history = append(s.history, p)
		s.diagonal = ys / dot(p.y, p.y)
	}
	alpha := make([]float64, len(s.history))
	for i := len(s.history) - 1; i >= 0; i-- {
		p := s.history[i]
		alpha[i] = dot(p.s, d) * p.rho
		add(d, -alpha[i], p.y)
	}
	for i := range d {
		d[i] *= s.diagonal
	}
	for i, p := range s.history {
		add(d, alpha[i]-dot(p.y, d)*p.rho, p.s)
	}
	s.d = d
}

// read copies the parameters.
func (s *Search) read() []float64 {
	x := make([]float64, 0, s.n)
	for _, p := range s.params {
		for i := range p.Size() {
			x = append(x, p.Float(i))
		}
	}
	return x
}

// move sets the parameters to x + t*d.
func (s *Search) move(x []float64, t float64) {
	at := 0
	for _, p := range s.params {
		for i := range p.Size() {
			p.SetFloat(i, x[at]+t*s.d[at])
			at++
		}
	}
}

// A trial is what is known of a length t: the loss, the gradient, and its part
// along the direction.
type trial struct {
	t, f  float64
	g     []float64
	slope float64
}

// wolfe searches for a length that lowers the loss f enough, for its slope at
// the start, and at which the slope is small enough: the strong Wolfe
// conditions with 1e-4 and 0.9. It evaluates the loss at most once more than
// most times.
func (s *Search) wolfe(x []float64, t, f float64, g []float64, slope float64, most int) (loss float64, grad []float64, length float64, evals int) {
	const c1, c2 = 1e-4, 0.9
	try := func(t float64) trial {
		s.move(x, t)
		f, g := s.here()
		evals++
		return trial{t, f, g, dot(g, s.d)}
	}
	start := trial{0, f, g, slope}
	last, now := start, try(t)
	// Lengths grow until two of them have such a length between them.
	var low, high trial
	done, bracketed, n := false, false, 0
	for ; n < most; n++ {
		if now.f > f+c1*now.t*slope || n > 1 && now.f >= last.f {
			low, high, bracketed = last, now, true
			break
		}
		if math.Abs(now.slope) <= -c2*slope {
			low, done, bracketed = now, true, true
			break
		}
		if now.slope >= 0 {
			low, high, bracketed = last, now, true
			break
		}
		t := cubic(last, now, now.t+0.01*(now.t-last.t), now.t*10)
		last, now = now, try(t)
	}
	if !bracketed {
		low, high = start, now
	}
	if !done && low.f > high.f {
		low, high = high, low
	}
	// The bracket shrinks; low has the lowest loss so far.
	stuck := false
	for reach := largest(s.d); !done && n < most && math.Abs(high.t-low.t)*reach >= s.cfg.ToleranceChange; n++ {
		from, to := min(low.t, high.t), max(low.t, high.t)
		t := cubic(low, high, from, to)
		if edge := 0.1 * (to - from); min(to-t, t-from) < edge {
			if stuck || t >= to || t <= from {
				if math.Abs(t-to) < math.Abs(t-from) {
					t = to - edge
				} else {
					t = from + edge
				}
				stuck = false
			} else {
				stuck = true
			}
		} else {
			stuck = false
		}
		now := try(t)
		if now.f > f+c1*t*slope || now.f >= low.f {
			high = now
			if low.f > high.f {
				low, high = high, low
			}
			continue
		}
		if math.Abs(now.slope) <= -c2*slope {
			done = true
		} else if now.slope*(high.t-low.t) >= 0 {
			high = low
		}
		low = now
	}
	return low.f, low.g, low.t, evals
}

// cubic is where the cubic through two trials has its minimum, within bounds;
// their middle where it has none.
func cubic(a, b trial, from, to float64) float64 {
	if a.t > b.t {
		a, b = b, a
	}
	d1 := a.slope + b.slope - 3*(a.f-b.f)/(a.t-b.t)
	square := d1*d1 - a.slope*b.slope
	if !(square >= 0) {
		return (from + to) / 2
	}
	d2 := math.Sqrt(square)
	t := b.t - (b.t-a.t)*((b.slope+d2-d1)/(b.slope-a.slope+2*d2))
	return min(max(t, from), to)
}

func dot(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// add adds k*x to y.
func add(y []float64, k float64, x []float64) {
	for i, v := range x {
		y[i] += k * v
	}
}

// sum is that of |x|.
func sum(x []float64) (sum float64) {
	for _, v := range x {
		sum += math.Abs(v)
	}
	return sum
}

// largest is the largest |x|; NaN where one is.
func largest(x []float64) (most float64) {
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	return most
}
