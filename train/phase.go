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

// buildSchedule makes the schedule of a run of so many steps, -1 if nobody
// knows how many.
func (r *run) buildSchedule(steps int) (schedule.Schedule, error) {
	if len(r.Optimizers) == 0 {
		return nil, fmt.Errorf("train: there is no optimizer")
	}
	lr := r.Optimizers[0].Config.Shared().LR
	if steps < 0 {
		if !schedule.Endless(r.Schedule) {
			return nil, fmt.Errorf("train: schedule %T needs the number of steps, and only reading all of the data can tell that: give strategy.steps, or a schedule that does without it, such as constant or inverse_sqrt, with numbers of steps in place of shares", r.Schedule)
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
		anneal := SWAAnneal{By: schedule.AnnealLinear} // at once
		if swa.Anneal != nil {
			anneal = *swa.Anneal
		}
		rate = anneal.By.To(swa.LR, rate, swa.firstEpoch(*r.Strategy.Epochs)*perEpoch, anneal.Epochs*perEpoch)
	}
	return rate, err
}
