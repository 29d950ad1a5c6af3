package train

import (
	"errors"
	"time"
)

// An Event is what a callback hears: *Started, *Stepped, *Scored or *Ended. It
// is valid during the call.
type Event interface{ event() }

// A Callback follows a run. It is called between steps, from the goroutine of
// Fit, in the order of Trainer.Callbacks. An error ends the run; [ErrStop]
// ends it as if all epochs were done.
type Callback func(Event) error

// ErrStop is returned by a callback to end a run early without failing it.
var ErrStop = errors.New("train: stop")

// Started comes before the first step.
type Started struct {
	Epochs        int
	StepsPerEpoch int
}

// Stepped comes after every step.
type Stepped struct {
	Step    int  // steps done
	Epoch   int  // from 1
	Last    bool // step of its epoch
	Samples int  // in this step
	Loss    float64
	LR      float64
	Correct int // samples whose largest output is that of the label
}

// Scored comes at the end of an epoch, for the split "train" (the mean over
// the epoch's steps, while the weights changed) and then for "test".
type Scored struct {
	Split string
	Step  int
	Epoch int
	Score
}

// Ended is the last event. Err is nil after the last epoch and after ErrStop;
// otherwise it is what Fit returns, with the context's error in it when the
// run was cancelled.
type Ended struct {
	Step int
	Took time.Duration
	Err  error
}

func (*Started) event() {}
func (*Stepped) event() {}
func (*Scored) event()  {}
func (*Ended) event()   {}

// A Score is how well a model does on a number of samples.
type Score struct {
	Samples  int
	Loss     float64 // mean over samples
	Accuracy float64 // share of samples that are right
}
