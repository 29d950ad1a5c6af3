package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
)

// optimName is the first part of the keys of the optimizer's state. It is part
// of checkpoints.
const optimName = "optim"

// thaw makes the step of the present epoch: the first time, and when keys are
// trained from now on that were frozen.
func (r *run) thaw() error {
	s := r.Strategy
	epoch := r.state.Epoch + 1
	begins := slices.ContainsFunc(s.Thaw, func(t optim.Thaw) bool { return t.Epoch == epoch })
	if r.program != nil && !begins {
		return nil
	}
	groups, err := r.groups(epoch)
	if err != nil {
		return err
	}
	opt, err := optim.Build(optimName, groups...)
	if err != nil {
		return err
	}
	var scaler *optim.Scaler
	if s.Precision == Float16 {
		if scaler, err = s.LossScale.Build(); err != nil {
			return err
		}
	}
	r.program = r.compile(opt, scaler)
	return nil
}

// groups deals out the parameters that are trained in an epoch, from 1.
func (t *Trainer) groups(epoch int) ([]optim.Group, error) {
	s := t.Strategy
	return optim.Groups(t.Store.Params(), t.Optimizers, optim.Training{Freeze: s.Freeze, Thaw: s.Thaw, Epoch: epoch, Rates: s.Rates, Decay: s.Decay})
}

// endless tells whether a schedule does without the length of the run.
func endless(cfg schedule.Config) bool {
	var w *schedule.Warmup
	switch c := cfg.(type) {
	case schedule.Constant:
		w = c.Warmup
	case schedule.Plateau:
		w = c.Warmup
	default:
		return false
	}
	return w == nil || w.Share == nil
}

// buildSchedule makes the schedule of a run of so many steps, -1 if nobody
// knows how many.
func (r *run) buildSchedule(steps int) (schedule.Schedule, error) {
	if len(r.Optimizers) == 0 {
		return nil, fmt.Errorf("train: there is no optimizer")
	}
	lr := r.Optimizers[0].Config.Rate()
	if steps < 0 {
		if !endless(r.Schedule) {
			return nil, fmt.Errorf("train: schedule %T needs the number of steps, and only reading all of the data can tell that: give strategy.steps, or a constant schedule whose warm-up is a number of steps", r.Schedule)
		}
		steps = math.MaxInt32
	}
	rate, err := r.Schedule.Build(lr, steps)
	if err != nil {
		return nil, err
	}
	if o, ok := rate.(schedule.Observer); ok {
		if r.Validation == nil {
			return nil, fmt.Errorf("train: the schedule follows a metric of the validation data, and there is none")
		}
		if r.state.Schedule != nil {
			err = o.Restore(r.state.Schedule)
		}
	}
	if swa := r.Strategy.SWA; swa != nil && err == nil {
		perEpoch, known := r.Train.Batches()
		if !known || r.Strategy.Epochs == nil {
			return nil, fmt.Errorf("train: swa averages at the ends of epochs: it wants strategy.epochs, and data whose batches can be counted")
		}
		rate = constantFrom{rate, swa.firstEpoch(*r.Strategy.Epochs) * perEpoch, swa.LR}
	}
	return rate, err
}

// constantFrom is a schedule that is constant from a step on.
type constantFrom struct {
	schedule.Schedule
	step int
	lr   float64
}

func (c constantFrom) At(step int) float64 {
	if step >= c.step {
		return c.lr
	}
	return c.Schedule.At(step)
}
