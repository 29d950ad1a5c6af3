package train

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/tensor"
)

// A RateFinder says how a learning rate is looked for: in steps whose rate
// grows exponentially from Min to Max. Once the mean of the losses is Stop times
// its least value the rate is too high, and the search ends.
type RateFinder struct {
	Min       float64 `json:"min" yaml:"min"`
	Max       float64 `json:"max" yaml:"max"`
	Steps     int     `json:"steps" yaml:"steps"`
	Stop      float64 `json:"stop" yaml:"stop"`
	SkipFirst int     `json:"skip_first" yaml:"skip_first"` // steps that can't be chosen, at the beginning
	SkipLast  int     `json:"skip_last" yaml:"skip_last"`   // and at the end
}

// DefaultRateFinder goes from 1e-8 to 1 in 100 steps, and leaves out the first
// 10 and the last.
//
// Source: lightning.pytorch.tuner.Tuner.lr_find.
func DefaultRateFinder() RateFinder {
	return RateFinder{Min: 1e-8, Max: 1, Steps: 100, Stop: 4, SkipFirst: 10, SkipLast: 1}
}

// Validate tells all that is wrong.
func (cfg RateFinder) Validate() error {
	var errs []error
	if !(cfg.Min > 0 && cfg.Max > cfg.Min && finite(cfg.Max)) {
		errs = append(errs, fmt.Errorf("min and max must be numbers with 0 < min < max, got %v and %v", cfg.Min, cfg.Max))
	}
	if cfg.SkipFirst < 0 || cfg.SkipLast < 0 {
		errs = append(errs, fmt.Errorf("skip_first and skip_last must not be negative, got %d and %d", cfg.SkipFirst, cfg.SkipLast))
	}
	if least := cfg.SkipFirst + cfg.SkipLast + 2; cfg.Steps < least || cfg.Steps > maxSteps {
		errs = append(errs, fmt.Errorf("steps must be in %d..%d, got %d", least, maxSteps, cfg.Steps))
	}
	if !(cfg.Stop > 1) {
		errs = append(errs, fmt.Errorf("stop must be above 1, got %v", cfg.Stop))
	}
	return errors.Join(errs...)
}

// At is the rate of a step.
func (cfg RateFinder) At(step int) float64 {
	return cfg.Min * math.Pow(cfg.Max/cfg.Min, float64(step)/float64(cfg.Steps-1))
}

// Rates is what a search for a learning rate came to.
type Rates struct {
	Tried []RateTrial // with finite losses
	Best  int         // where the mean loss falls fastest
}

// A RateTrial is a step with its rate, its loss, and the running mean of the
// losses up to it.
type RateTrial struct{ Rate, Loss, Mean float64 }

// rateMemory is the share that the running mean of the losses keeps at a step.
const rateMemory = 0.98

// FindRate looks for the learning rate of the first optimizer; the others keep
// their ratio to it. The best one is where the running mean of the losses,
//
//	mean[i] = m[i] / (1-0.98^(i+1)), m[i] = 0.98 m[i-1] + 0.02 loss[i],
//
// falls fastest by the logarithm of the rate, its slope at a step being half
// the difference of its neighbours. All values of the store come back
// afterwards. Callbacks hear of Started, Stepped and Ended.
func (t *Trainer) FindRate(ctx context.Context, cfg RateFinder) (*Rates, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("train: rate finder: %w", err)
	}
	found := &Rates{}
	err := t.rehearse(t.Train, cfg, cfg.Steps, func(r *run) error {
		r.Strategy.Guard, r.Strategy.EMA = nil, nil // high losses are what is looked for
		mean, best := 0.0, math.Inf(1)
		for b, err := range r.endless(ctx) {
			if err != nil {
				return err
			}
			got, err := r.rehearseStep(ctx, b)
			if err != nil {
				return err
			}
			if !finite(got.loss) {
				return nil
			}
			n := len(found.Tried) + 1
			mean = rateMemory*mean + (1-rateMemory)*got.loss
			trial := RateTrial{got.rate, got.loss, mean / (1 - math.Pow(rateMemory, float64(n)))}
			found.Tried = append(found.Tried, trial)
			if n == cfg.Steps || n > 1 && trial.Mean > cfg.Stop*best {
				return nil
			}
			best = min(best, trial.Mean)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, found.choose(cfg)
}

// choose finds the steepest slope downwards.
func (f *Rates) choose(cfg RateFinder) error {
	last := len(f.Tried) - cfg.SkipLast
	if last-cfg.SkipFirst < 2 {
		return fmt.Errorf("train: rate finder: the loss went out of hand after %d of %d steps, at a rate of %.3g, before any could be chosen: begin lower than %v", len(f.Tried), cfg.Steps, cfg.At(len(f.Tried)), cfg.Min)
	}
	steepest := 0.0
	for i := cfg.SkipFirst; i < last; i++ {
		lo, hi := max(i-1, cfg.SkipFirst), min(i+1, last-1)
		slope := (f.Tried[hi].Mean - f.Tried[lo].Mean) / float64(hi-lo)
		if slope < steepest {
			steepest, f.Best = slope, i
		}
	}
	if steepest == 0 {
		return fmt.Errorf("train: rate finder: the loss falls at no rate from %v to %v", f.Tried[0].Rate, f.Tried[last-1].Rate)
	}
	return nil
}

// A BatchFinder says how a size of batches is looked for: it is doubled, until
// steps handle no more than Gain more examples a second, or would take more
// memory than there is.
type BatchFinder struct {
	First   int     `json:"first" yaml:"first"`     // size to begin with
	Gain    float64 `json:"gain" yaml:"gain"`       // 0.05 asks for 5 % more examples a second
	Bytes   *int64  `json:"bytes" yaml:"bytes"`     // limit of the planned memory; null for none
	Seconds float64 `json:"seconds" yaml:"seconds"` // that a size is measured for, at least
}

// DefaultBatchFinder wants 5 % more from each doubling.
func DefaultBatchFinder(first int) BatchFinder {
	return BatchFinder{First: first, Gain: 0.05, Seconds: 1}
}

// Validate tells all that is wrong.
func (cfg BatchFinder) Validate() error {
	var errs []error
	if cfg.First < 1 {
		errs = append(errs, fmt.Errorf("first must be at least 1, got %d", cfg.First))
	}
	if !(cfg.Gain >= 0 && finite(cfg.Gain)) {
		errs = append(errs, fmt.Errorf("gain must be a finite number and not negative, got %v", cfg.Gain))
	}
	if cfg.Bytes != nil && *cfg.Bytes < 1 {
		errs = append(errs, fmt.Errorf("bytes must be at least 1, got %d", *cfg.Bytes))
	}
	if !(cfg.Seconds >= 0 && finite(cfg.Seconds)) {
		errs = append(errs, fmt.Errorf("seconds must be a finite number and not negative, got %v", cfg.Seconds))
	}
	return errors.Join(errs...)
}

// Batches is what a search for a size of batches came to.
type Batches struct {
	Tried []BatchTrial // each twice the one before
	Best  int          // the largest that was worth its doubling
	End   string       // why no larger one was tried
}

// A BatchTrial is a size of batches with what its steps came to.
type BatchTrial struct {
	Batch     int
	PerSecond float64       // examples, by the median step
	Step      time.Duration // the median, waiting for data included
	Bytes     int64         // planned: values of the store, and what a step has besides
}

// batchSteps is how many steps a size is measured for, at least.
const batchSteps = 5

// FindBatch looks for the size of batches; feed makes the training data in
// batches of a size. What comes of it depends on the machine and on what else
// runs there. All values of the store come back afterwards. Callbacks hear of
// Started, Stepped and Ended.
func (t *Trainer) FindBatch(ctx context.Context, cfg BatchFinder, feed func(batch int) (data.Feed, error)) (*Batches, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("train: batch finder: %w", err)
	}
	if len(t.Optimizers) == 0 {
		return nil, errors.New("train: there is no optimizer")
	}
	rate := schedule.Func(func(int) float64 { return t.Optimizers[0].Config.Shared().LR })
	found := &Batches{}
	for size := cfg.First; found.End == ""; size *= 2 {
		f, err := feed(size)
		if err != nil {
			return nil, err
		}
		err = t.rehearse(f, rate, -1, func(r *run) error { return found.try(ctx, r, cfg, size) })
		if err != nil {
			return nil, err
		}
		n := len(found.Tried)
		if n == 0 {
			return nil, fmt.Errorf("train: batch finder: %s", found.End)
		}
		switch tried := found.Tried[n-1]; {
		case found.End != "" || n == 1:
		case tried.PerSecond <= (1+cfg.Gain)*found.Tried[n-2].PerSecond:
			found.End = fmt.Sprintf("batches of %d are not %.3g %% faster", tried.Batch, 100*cfg.Gain)
			if cfg.Gain == 0 {
				found.End = fmt.Sprintf("batches of %d are no faster", tried.Batch)
			}
		default:
			found.Best = n - 1
		}
	}
	return found, nil
}

// try measures steps with batches of a size, or says why it does not.
func (f *Batches) try(ctx context.Context, r *run, cfg BatchFinder, size int) error {
	var steps []time.Duration
	var trial BatchTrial
	var began, last time.Time
	for b, err := range r.endless(ctx) {
		if err != nil {
			return err
		}
		if b.N < size {
			if trial.Batch == 0 {
				f.End = fmt.Sprintf("the data does not fill a batch of %d", size)
				return nil
			}
			last = time.Now()
			continue // the rest at the end of an epoch
		}
		if trial.Batch == 0 {
			trial = BatchTrial{Batch: size}
			if trial.Bytes, err = r.planned(b); err != nil {
				return err
			}
			if cfg.Bytes != nil && trial.Bytes > *cfg.Bytes {
				f.End = fmt.Sprintf("batches of %d take %.3g MB of the %.3g MB that there may be", size, float64(trial.Bytes)/1e6, float64(*cfg.Bytes)/1e6)
				return nil
			}
		}
		if _, err := r.rehearseStep(ctx, b); err != nil {
			return err
		}
		now := time.Now()
		if began.IsZero() { // the first step brings memory in
			began, last = now, now
			continue
		}
		steps, last = append(steps, now.Sub(last)), now
		if len(steps) >= batchSteps && now.Sub(began).Seconds() >= cfg.Seconds {
			break
		}
	}
	slices.Sort(steps)
	trial.Step = steps[len(steps)/2]
	trial.PerSecond = float64(size) / trial.Step.Seconds()
	f.Tried = append(f.Tried, trial)
	return nil
}

// planned is the memory that steps on a batch take. Functions share the memory
// of their inner values.
func (r *run) planned(b *data.Batch) (int64, error) {
	in, targets := b.Inputs, r.Inputs+len(r.Heads)
	var mix []*tensor.Tensor
	if r.Strategy.mixes() {
		in = slices.Concat(in[:targets], in[r.Inputs:targets], in[targets:])
		mix = []*tensor.Tensor{tensor.Scalar(float32(1))}
	}
	numbers := r.numbers(&computed{})
	type call struct {
		f  *exec.Func
		in []*tensor.Tensor
	}
	calls := []call{{r.program.whole, slices.Concat(in, mix, numbers)}}
	if n := r.Strategy.Accumulate; n > 1 {
		piece := make([]*tensor.Tensor, len(in))
		for i, t := range in {
			piece[i] = t.Rows(0, (b.N+n-1)/n)
		}
		one := tensor.Scalar(float32(1)) // share of the piece, and count of each head
		calls = []call{
			{r.program.piece, slices.Concat(piece, mix, []*tensor.Tensor{tensor.Scalar(true)}, slices.Repeat([]*tensor.Tensor{one}, 1+len(r.Heads)))},
			{r.program.update, append([]*tensor.Tensor{tensor.Scalar(float32(0))}, numbers...)},
		}
	}
	var variables, inner, kept int64
	for _, c := range calls {
		types := make([]ir.Type, len(c.in))
		for i, t := range c.in {
			types[i] = ir.Type{DType: t.DType(), Shape: t.Shape()}
		}
		plan, err := c.f.Plan(types...)
		if err != nil {
			return 0, err
		}
		variables, inner = max(variables, plan.VariableBytes), max(inner, plan.ArenaBytes)
		kept += plan.KeptBytes + plan.PackedBytes
	}
	return variables + inner + kept, nil
}

// rehearse has steps of training done that leave no trace: all values of the
// store are afterwards as they were before. Steps is their number, -1 if nobody
// knows.
func (t *Trainer) rehearse(feed data.Feed, rate schedule.Schedule, steps int, do func(r *run) error) (err error) {
	if err := t.Check(); err != nil {
		return err
	}
	var before exec.Snapshot
	if err := t.Store.Snapshot(&before); err != nil {
		return err
	}
	defer before.Free()
	defer func() { err = errors.Join(err, t.Store.Rollback(&before)) }()
	if s := t.Strategy.Start; s != nil {
		if _, err := s.Load(t.Store); err != nil {
			return err
		}
	}
	rehearsed := *t
	rehearsed.Train, rehearsed.Recorder = feed, nil
	r := &run{Trainer: &rehearsed, state: State{Format: StateFormat, Seed: t.Seed}, began: time.Now(), rate: rate}
	perEpoch, _ := feed.Batches()
	if err := r.tell(&Started{Steps: steps, StepsPerEpoch: perEpoch}); err != nil {
		return err
	}
	err = do(r)
	return errors.Join(err, r.tell(&Ended{Step: r.state.Step, Took: time.Since(r.began), Err: err}))
}

// endless yields the batches of one epoch after the other, for a step that it
// makes.
func (r *run) endless(ctx context.Context) iter.Seq2[*data.Batch, error] {
	return func(yield func(*data.Batch, error) bool) {
		if err := r.thaw(); err != nil {
			yield(nil, err)
			return
		}
		for epoch := 0; ; epoch++ {
			some := false
			for b, err := range r.Train.From(ctx, epoch, 0) {
				if err != nil {
					yield(nil, fmt.Errorf("train: training data: %w", err))
					return
				}
				if some = true; !yield(b, nil) {
					return
				}
			}
			if !some {
				yield(nil, errors.New("train: the training data has no batch"))
				return
			}
		}
	}
}

// rehearseStep trains on a batch.
func (r *run) rehearseStep(ctx context.Context, b *data.Batch) (*computed, error) {
	in, mixed, err := r.mix(ctx, b)
	if err != nil {
		return nil, err
	}
	got, err := r.compute(ctx, in, b.N, mixed)
	if err != nil {
		return nil, err
	}
	r.state.Step++
	return got, r.tell(&Stepped{Step: r.state.Step, Epoch: b.Epoch + 1, Samples: b.N, Loss: got.loss, LR: got.rate, GradNorm: got.norm, Metrics: got.metrics})
}
