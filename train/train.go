// Package train runs the loop around a training step: epochs, evaluation,
// checkpoints, callbacks, a clean end when it is cancelled, and an exact
// beginning where an earlier run stopped.
//
// The step itself stands in step.go and holds nothing that a program could not
// write by hand; examples/loop does.
package train

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/tensor"
)

// A Trainer holds what a model is trained with. Same store, same data, same
// settings: same weights, bit by bit, whatever the number of threads, and
// whether the run was unbroken or resumed.
type Trainer struct {
	Store      *exec.Store
	Model      any             // the struct that the store was made of
	Forward    Forward         // what it computes
	Heads      []Head          // one for each output
	Optimizers []optim.Part    // each for some of the parameters
	Schedule   schedule.Config // of the rate of the first, which the others follow
	Strategy   Strategy

	// Batches hold so many Inputs, then a target for each head, then, if
	// Weighted, the weight of each example, float32 [B].
	Inputs     int
	Weighted   bool
	Train      data.Feed
	Validation data.Feed // nil for none
	Test       data.Feed // nil for none; seen once, at the end

	Evaluate  EvaluateConfig
	Recorder  *Recorder // nil keeps nothing
	Callbacks []Callback
	LogEvery  int // steps between Logged events of split "train"

	// Data tells what the run learns from; Resume refuses to go on with others.
	// Nil leaves that to the caller.
	Data *Data

	// Seed is of what the loop itself draws: how examples are mixed.
	Seed uint64
	// DetectAnomaly looks at every value of every step and ends with the op,
	// module and line of the first that is not finite. Slow.
	DetectAnomaly bool
}

// A Forward builds the outputs of a model, one for each head, from its inputs.
type Forward func(c *module.Ctx, in []*ir.Value) []*ir.Value

// Single is the Forward of a model with one input and one output.
func Single(m module.Forwarder) Forward {
	return func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		if len(in) != 1 {
			c.Graph().Fail("train", fmt.Sprintf("the model takes one input, the data has %d", len(in)), in)
			return []*ir.Value{in[0]}
		}
		return []*ir.Value{m.Forward(c, in[0])}
	}
}

// A Head is an output with what it is to be.
type Head struct {
	Name        string // of the target; comes before its metrics where there are several heads
	Loss        loss.Config
	Weight      float64  // factor of its loss in the sum
	ClassesLast bool     // the output is [B T V], with labels [B T], where losses and metrics want [B V ...]
	Metrics     []Metric // besides the loss; in training, of a head without ClassesLast only
}

// A Metric is a metric under the name that logs have.
type Metric struct {
	Name string
	metric.Metric
}

// run is a Fit under way.
type run struct {
	*Trainer
	state   State
	began   time.Time
	program *program
	rate    schedule.Schedule
	eval    *exec.Func // batch -> sum and count of each head, outputs that metrics read
	mixer   *exec.Func
	share   float64 // of the first example in those of a mixed batch
	guard   exec.Snapshot
	best    map[string]*tensor.Tensor // weights with the best metric so far, if they are to end with
	states  map[string]*tensor.Tensor // of the model, before a batch that is computed in pieces
	saved   time.Time                 // the last checkpoint
	marked  []byte                    // state that an interrupt goes back to, with the recorder's snapshot; nil for the present one
	copied  bool                      // the recorder's snapshot is of the present values
	final   bool                      // the weights are those to save, averaged or the best
	result  Result
}

// A Result is what a run came to.
type Result struct {
	Step       int
	Epoch      int
	Train      Score
	Validation Score // the last one; of the weights that are saved
	Test       Score
	Stopped    string // why it ended early; empty if it did not
}

// Fit trains from the start, evaluates when the settings say so, and returns the
// last scores. Resume does the same from a checkpoint.
//
// When the context is cancelled the run ends after the step under way, writes a
// checkpoint if it keeps any, and the error is the context's.
func (t *Trainer) Fit(ctx context.Context) (Result, error) {
	r := &run{Trainer: t, state: State{Format: StateFormat, Seed: t.Seed, Data: t.Data}, began: time.Now(), saved: time.Now()}
	return r.fit(ctx)
}

// fit goes on from the run's state.
func (r *run) fit(ctx context.Context) (Result, error) {
	defer r.guard.Free()
	err := r.start(ctx)
	if err == nil {
		err = r.epochs(ctx)
	}
	if errors.Is(err, ErrStop) {
		r.stop("a callback ended it")
		err = nil
	}
	if err == nil {
		err = r.finish(ctx)
	}
	r.result.Step, r.result.Epoch, r.result.Stopped = r.state.Step, r.state.Epoch, r.state.Stopped
	err = errors.Join(err, r.close(ctx, err))
	end := r.tell(&Ended{Step: r.state.Step, Took: time.Since(r.began), Result: r.result, Err: err})
	if errors.Is(end, ErrStop) {
		end = nil
	}
	return r.result, errors.Join(err, end)
}

// start checks the settings and makes what lasts for the whole run.
func (r *run) start(ctx context.Context) error {
	if err := r.Check(); err != nil {
		return err
	}
	steps, err := r.countSteps(ctx)
	if err != nil {
		return err
	}
	if r.rate, err = r.buildSchedule(steps); err != nil {
		return err
	}
	if r.Recorder != nil {
		if err := r.Recorder.start(); err != nil {
			return err
		}
	}
	if s := r.Strategy.Start; s != nil && r.state.Step == 0 {
		loaded, err := s.Load(r.Store)
		if err != nil {
			return err
		}
		if err := r.tell(loaded); err != nil {
			return err
		}
	}
	perEpoch, _ := r.Train.Batches()
	return r.tell(&Started{Epochs: r.Strategy.Epochs, Steps: steps, StepsPerEpoch: perEpoch, Step: r.state.Step, Epoch: r.state.Epoch})
}

// Check finds settings that contradict each other, or name what the model does
// not have. Fit does it first.
func (t *Trainer) Check() error {
	var errs []error
	if err := t.Strategy.Validate(); err != nil {
		errs = append(errs, err)
	}
	if t.Inputs < 1 {
		errs = append(errs, fmt.Errorf("train: a model takes at least one input, Inputs is %d", t.Inputs))
	}
	if len(t.Heads) == 0 {
		errs = append(errs, errors.New("train: there is no output to train: Heads is empty"))
	}
	if t.LogEvery < 1 {
		errs = append(errs, fmt.Errorf("train: LogEvery must be at least 1, got %d", t.LogEvery))
	}
	if s := t.Strategy.EarlyStop; s != nil && t.Validation == nil {
		errs = append(errs, errors.New("train: early_stop watches the validation data, and there is none"))
	}
	if t.scheduleFree() && (t.Strategy.EMA != nil || t.Strategy.SWA != nil) {
		errs = append(errs, errors.New("train: a schedule-free optimizer averages the weights, and so do strategy.ema and strategy.swa: choose one"))
	}
	for i := range t.Strategy.Penalties {
		if _, err := t.penalised(i); err != nil {
			errs = append(errs, err)
		}
	}
	if _, err := module.MatchAll(t.Strategy.Recompute, t.Store.Tree().Modules()); err != nil {
		errs = append(errs, config.Under("strategy.recompute", err))
	}
	for epoch := 1; ; epoch++ { // all sets of parameters that will be trained
		if _, err := t.groups(epoch); err != nil {
			errs = append(errs, err)
			break
		}
		if !slices.ContainsFunc(t.Strategy.Thaw, func(th optim.Thaw) bool { return th.Epoch > epoch }) {
			break
		}
	}
	return errors.Join(errs...)
}

// countSteps is the number of optimizer steps of the run, and -1 for a run of
// epochs whose length only reading can tell.
func (r *run) countSteps(context.Context) (int, error) {
	s := r.Strategy
	perEpoch, known := r.Train.Batches()
	switch {
	case s.Epochs == nil:
		return *s.Steps, nil
	case !known && s.Steps != nil:
		return *s.Steps, nil
	case !known:
		return -1, nil
	case s.Steps != nil:
		return min(*s.Steps, *s.Epochs*perEpoch), nil
	}
	return *s.Epochs * perEpoch, nil
}

// done tells whether the run has had all its epochs or steps, and what comes
// after the last of them.
func (r *run) done() bool {
	return r.state.Done || r.Strategy.Epochs != nil && r.state.Epoch >= *r.Strategy.Epochs
}

// outOfSteps tells whether the run has had all its steps.
func (r *run) outOfSteps() bool {
	return r.Strategy.Steps != nil && r.state.Step >= *r.Strategy.Steps
}

func (r *run) epochs(ctx context.Context) error {
	for !r.done() {
		if r.state.Index == 0 {
			if err := r.tell(&EpochStarted{Epoch: r.state.Epoch + 1}); err != nil {
				return err
			}
		}
		before := r.state.Step
		whole, err := r.epoch(ctx)
		if err != nil {
			return err
		}
		if r.state.Step == before && r.state.Index == 0 {
			return fmt.Errorf("train: epoch %d has no batch to train on", r.state.Epoch+1)
		}
		if err := r.endEpoch(ctx, whole); err != nil {
			return err
		}
	}
	return nil
}

// epoch trains on the batches that are left of the present epoch. It is whole
// unless the run ends before it does.
func (r *run) epoch(ctx context.Context) (whole bool, err error) {
	if err := r.thaw(); err != nil {
		return false, err
	}
	batches, known := r.Train.Batches()
	ended := func() bool { return known && r.state.Index >= batches }
	if ended() || r.outOfSteps() { // where an interrupt came in what follows
		return ended(), nil
	}
	if r.state.Index > 0 { // where an interrupt came before it
		if err := r.between(ctx); err != nil || r.state.Done {
			return false, err
		}
	}
	for b, err := range r.Train.From(ctx, r.state.Epoch, r.state.Index) {
		if err != nil {
			return false, fmt.Errorf("train: batch %d of epoch %d: %w", r.state.Index+1, r.state.Epoch+1, err)
		}
		last := known && b.Index+1 == batches || r.Strategy.Steps != nil && r.state.Step+1 == *r.Strategy.Steps
		if err := r.step(ctx, b, last); err != nil || last {
			return ended(), err
		}
		if err := r.between(ctx); err != nil || r.state.Done {
			return false, err
		}
	}
	return true, nil
}

// between does what falls due between two steps of an epoch.
func (r *run) between(ctx context.Context) error {
	if every := r.Evaluate.EverySteps; every != nil && r.state.Step%*every == 0 && r.state.EvaluatedAt != r.state.Step {
		if err := r.mark(); err != nil {
			return err
		}
		if err := r.validate(ctx); err != nil {
			return err
		}
		if r.state.Done { // what ends the run is kept as a whole
			return nil
		}
	}
	return r.keep(false)
}

// endEpoch scores, averages, and moves on to the next epoch, or ends a run that
// has no step left.
func (r *run) endEpoch(ctx context.Context, whole bool) error {
	if err := r.mark(); err != nil {
		return err
	}
	epoch := r.state.Epoch + 1
	if r.state.LogTally.Samples > 0 { // the last step was not known for that, or was refused
		if err := r.log(r.rate.At(r.state.Step - 1)); err != nil {
			return err
		}
	}
	score := r.state.EpochTally.score(r.Heads)
	r.result.Train = score
	if err := r.tell(&Scored{Split: "train", Step: r.state.Step, Epoch: epoch, Score: score}); err != nil {
		return err
	}
	if whole {
		if err := r.averageWeights(ctx); err != nil {
			return err
		}
	}
	every, steps := r.Evaluate.EveryEpochs, r.Evaluate.EverySteps
	due := !whole || every != nil && epoch%*every == 0 || steps != nil && r.state.Step%*steps == 0
	if due && r.state.EvaluatedAt != r.state.Step {
		if err := r.validate(ctx); err != nil {
			return err
		}
	}
	r.state.EpochTally = tally{}
	if whole {
		r.state.Epoch, r.state.Index = epoch, 0
	}
	if !whole || r.outOfSteps() {
		r.state.Done = true
	}
	r.marked = nil
	if err := r.tell(&EpochEnded{Epoch: epoch, Step: r.state.Step}); err != nil {
		return err
	}
	return r.keep(true)
}

// finish ends a run that had all its steps: the last weights, the test.
func (r *run) finish(ctx context.Context) error {
	if err := r.mark(); err != nil {
		return err
	}
	if err := r.finishAverage(ctx); err != nil {
		return err
	}
	if err := r.restoreBest(); err != nil {
		return err
	}
	if r.Test == nil {
		return nil
	}
	var err error
	r.result.Test, err = r.evaluate(ctx, "test", r.Test)
	return err
}

// stop ends the run early, for a reason that its record has.
func (r *run) stop(why string) { r.state.Done, r.state.Stopped = true, why }

// tell calls the recorder and all callbacks, also when one fails: each of them
// sees every event.
func (r *run) tell(e Event) error {
	var errs []error
	if r.Recorder != nil {
		if err := r.Recorder.handle(e); err != nil {
			errs = append(errs, err)
		}
	}
	for _, c := range r.Callbacks {
		if err := c(e); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
