// Package train runs the loop around a training step: epochs, scores on test
// data, callbacks, a clean end when it is cancelled.
//
// The step itself stands in step.go and holds nothing that a program could not
// write by hand; examples/mlp does.
package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/tensor"
)

// A Trainer holds what a classifier is trained with. Items of the data are
// pairs of input and label (an integer scalar). Same store, same data, same
// settings: same weights, bit by bit, whatever the number of threads.
type Trainer struct {
	Store     *exec.Store
	Model     module.Forwarder                        // gives a score a class, [B V]
	Loss      func(output, label *ir.Value) *ir.Value // gives the mean over the batch, a scalar
	Optimizer optim.Optimizer
	Schedule  schedule.Schedule
	ClipNorm  *float64 // largest norm of the gradients; nil leaves them alone
	Train     *data.Loader
	Test      *data.Loader // nil for none
	Epochs    int
	Callbacks []Callback
	// DetectAnomaly looks at every value of every step and ends with the op,
	// module and line of the first that is not finite. Slow.
	DetectAnomaly bool
}

// run is a Fit under way.
type run struct {
	*Trainer
	trainStep, testStep *exec.Func
	lr                  *tensor.Tensor
	stepped             Stepped
	test                Score
}

// Fit trains for the given number of epochs, scores the test data after each
// of them, and returns the last of these scores.
//
// When the context is cancelled the run ends after the step under way, and the
// error is the context's. A loss that is no number is an error: the weights are
// lost then.
func (t *Trainer) Fit(ctx context.Context) (Score, error) {
	r := &run{Trainer: t, trainStep: t.compileStep(), testStep: t.compileTest(), lr: tensor.Scalar(float32(0))}
	begin := time.Now()
	err := r.epochs(ctx)
	if errors.Is(err, ErrStop) {
		err = nil
	}
	end := r.tell(&Ended{Step: r.stepped.Step, Took: time.Since(begin), Err: err})
	if errors.Is(end, ErrStop) {
		end = nil
	}
	return r.test, errors.Join(err, end)
}

// tell calls all callbacks, also when one fails: each of them sees every event.
func (r *run) tell(e Event) error {
	var errs []error
	for _, c := range r.Callbacks {
		if err := c(e); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (r *run) epochs(ctx context.Context) error {
	if err := r.tell(&Started{r.Epochs, r.Train.Len()}); err != nil {
		return err
	}
	for epoch := range r.Epochs {
		if err := r.epoch(ctx, epoch); err != nil {
			return err
		}
	}
	return nil
}

// epoch trains on every batch once, then scores.
func (r *run) epoch(ctx context.Context, epoch int) error {
	var sum sums
	for b, err := range r.Train.Epoch(ctx, epoch) {
		if err != nil {
			return err
		}
		if err := r.step(ctx, b); err != nil {
			return err
		}
		sum.add(r.stepped.Samples, r.stepped.Loss, r.stepped.Correct)
	}
	if err := r.tell(&Scored{"train", r.stepped.Step, epoch + 1, sum.score()}); err != nil || r.Test == nil {
		return err
	}
	score, err := r.evaluate(ctx)
	if err != nil {
		return fmt.Errorf("train: test after epoch %d: %w", epoch+1, err)
	}
	r.test = score
	return r.tell(&Scored{"test", r.stepped.Step, epoch + 1, score})
}
