package train

import (
	"errors"
	"math"
	"time"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/runlog"
)

// An Event is what a callback hears. It is valid during the call. The moments
// are those of Keras's callbacks:
//
//	on_train_begin, on_train_end              *Started, *Ended
//	on_epoch_begin, on_epoch_end              *EpochStarted, *EpochEnded
//	on_train_batch_begin, on_train_batch_end  *StepStarted, *Stepped
//	on_test_begin, on_test_end                *EvaluationStarted, *Scored
//	on_test_batch_begin, on_test_batch_end    *Evaluated after each batch
//
// and besides *Refused, *Saved and *Logged.
type Event interface{ event() }

// A Callback follows a run. It is called between steps, from the goroutine of
// Fit, in the order of Trainer.Callbacks. An error ends the run; [ErrStop]
// ends it as if all epochs were done.
type Callback func(Event) error

// ErrStop is returned by a callback to end a run early without failing it.
var ErrStop = errors.New("train: stop")

// Started comes before the first step.
type Started struct {
	Epochs        *int // as the strategy has them
	Steps         int  // of the whole run; -1 when nobody knows yet
	StepsPerEpoch int  // 0 when nobody knows
	Step, Epoch   int  // done by an earlier part of a resumed run
}

// EpochStarted comes before the first step of an epoch.
type EpochStarted struct{ Epoch int } // from 1

// StepStarted comes before every step.
type StepStarted struct {
	Step  int // that begins, from 1
	Epoch int
	Batch *data.Batch
}

// Stepped comes after every step that was not refused.
type Stepped struct {
	Step     int       // steps done
	Epoch    int       // from 1
	Last     bool      // step of its epoch; false where only reading on could tell
	Samples  int       // in this step
	Loss     float64   // that was minimised, with what layers add
	LR       float64   // of the first optimizer
	GradNorm float64   // before clipping; 0 unless the strategy has clip_norm or a guard
	Metrics  []float64 // of the heads one after another, means over the batch; nil for a mixed one
	Refused  bool      // by the guard; then *Refused comes in place of this
}

// Refused comes after a step that the guard, or the scale of the loss, let
// change nothing.
type Refused struct {
	Step       int
	Epoch      int
	Batch      int   // number in its epoch, from 1
	Items      []int // of the batch
	Loss       float64
	Limit      float64 // that the loss was not to exceed; +Inf when only its finiteness counts
	GradNorm   float64
	Overflow   bool // of float16: the scale of the loss was too high
	RolledBack bool // also brought back the last snapshot
	SnapshotOf int  // step that the weights are those of, if RolledBack
}

// EvaluationStarted comes before a split is scored.
type EvaluationStarted struct {
	Split string
	Step  int
}

// Evaluated comes after each batch of an evaluation.
type Evaluated struct {
	Split   string
	Batch   *data.Batch
	Samples int // so far
}

// Scored comes when a split has been scored: "train" at the end of an epoch
// (the mean over its steps, while the weights changed), "validation" when the
// settings say so, "test" at the end of the run.
type Scored struct {
	Split string
	Step  int
	Epoch int
	Score
}

// EpochEnded comes after everything that belongs to an epoch.
type EpochEnded struct{ Epoch, Step int }

// Logged is a line of the run's record.
type Logged struct{ runlog.Record }

// Saved comes when a checkpoint begins to be written.
type Saved struct{ Step int }

// Ended is the last event. Err is nil after the last epoch and after ErrStop;
// otherwise it is what Fit returns, with the context's error in it when the
// run was cancelled.
type Ended struct {
	Step   int
	Took   time.Duration
	Result Result
	Err    error
}

func (*Started) event()           {}
func (*EpochStarted) event()      {}
func (*StepStarted) event()       {}
func (*Stepped) event()           {}
func (*Refused) event()           {}
func (*EvaluationStarted) event() {}
func (*Evaluated) event()         {}
func (*Scored) event()            {}
func (*EpochEnded) event()        {}
func (*Logged) event()            {}
func (*Saved) event()             {}
func (*Ended) event()             {}

// A Score is how well a model does on a number of samples.
type Score struct {
	Samples int
	Loss    float64         // the heads' means, weighted; without what layers add
	Values  []runlog.Metric // loss, with several heads the loss of each, and the metrics of each
}

// Value returns a metric by its name, NaN when there is none.
func (s Score) Value(name string) float64 {
	for _, m := range s.Values {
		if m.Name == name {
			return m.Value
		}
	}
	return math.NaN()
}
