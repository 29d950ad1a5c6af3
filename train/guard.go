package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/tensor"
)

// guardState is what the guard remembers.
type guardState struct {
	Losses   []float64 `json:"losses,omitempty"` // of the last good steps
	Bad      int       `json:"bad"`              // refused steps in a row
	Good     int       `json:"good"`             // good steps since the weights came back
	Rolls    int       `json:"rolls"`            // times in a row that weights came back
	Snapshot int       `json:"snapshot"`         // step of the weights that would
}

// limit is the largest loss that the guard takes for good.
func (r *run) limit() float64 {
	g := r.Strategy.Guard
	if g == nil || len(r.state.Guard.Losses) < g.Window {
		return math.Inf(1)
	}
	sum := 0.0
	for _, l := range r.state.Guard.Losses {
		sum += l
	}
	mean := sum / float64(len(r.state.Guard.Losses))
	return max(g.Factor*mean, mean+g.Least)
}

// judge looks at what a step came to. A refused one has changed nothing: the
// weights are those of the last good state, and the batch is left out.
func (r *run) judge(e *Stepped, b *data.Batch, got *computed) error {
	g, s := r.Strategy.Guard, &r.state.Guard
	switch {
	case g == nil && !finite(got.loss) && slices.Contains(got.counts, 0):
		return fmt.Errorf("train: no target counts in step %d (batch %d of epoch %d): each has a label that is ignored, or weight 0, so that the loss is a mean of nothing; larger batches help; strategy.guard leaves such batches out",
			e.Step, b.Index+1, e.Epoch)
	case g == nil && !finite(got.loss):
		return fmt.Errorf("train: the loss is %v in step %d (batch %d of epoch %d): a lower learning rate may help; --detect-anomaly shows where it came from; strategy.guard leaves such batches out",
			got.loss, e.Step, b.Index+1, e.Epoch)
	case r.Strategy.Precision == Float16 && !finite(got.norm) && finite(got.loss):
		e.Refused = true // the scale of the loss was too high, and is lower now
		if err := r.checkScale(e, b); err != nil {
			return err
		}
		return r.tell(&Refused{Step: e.Step, Epoch: e.Epoch, Batch: b.Index + 1, Items: b.Items, Loss: got.loss, Limit: r.limit(), GradNorm: got.norm, Overflow: true})
	case g == nil:
		return nil
	case got.ok:
		return r.accept(e.Step, got.loss)
	}
	e.Refused = true
	refused := &Refused{Step: e.Step, Epoch: e.Epoch, Batch: b.Index + 1, Items: b.Items, Loss: got.loss, Limit: r.limit(), GradNorm: got.norm}
	if s.Bad++; s.Bad >= g.Patience {
		if err := r.rollBack(refused); err != nil {
			return err
		}
	}
	if err := r.tell(refused); err != nil {
		return err
	}
	rolled := 0.0
	if refused.RolledBack {
		rolled = 1
	}
	return r.tell(&Logged{runlog.Record{Step: e.Step, Epoch: e.Epoch, Split: "guard", Metrics: []runlog.Metric{
		{Name: "loss", Value: got.loss}, {Name: "grad_norm", Value: got.norm}, {Name: "batch", Value: float64(refused.Batch)}, {Name: "rolled_back", Value: rolled},
	}}})
}

// leastScale is a scale of the loss that no gradients should need: at it, those
// that float16 can't hold are above 65504 / leastScale.
//
// Source: fairseq's min_loss_scale.
const leastScale = 1e-4

// checkScale ends a run of float16 whose gradients are not finite at any scale
// of the loss: it would go on and change nothing.
func (r *run) checkScale(e *Stepped, b *data.Batch) error {
	scale, err := r.Store.Get(r.program.scaler.States()[0].Key)
	if err != nil || scale.Float(0) >= leastScale {
		return err
	}
	return fmt.Errorf("train: the gradients are not finite in step %d (batch %d of epoch %d), at a scale of the loss that has fallen to %.3g: "+
		"the learning rate may be too high, or float16 too narrow for this model (strategy.precision=bfloat16); --detect-anomaly shows where they come from",
		e.Step, b.Index+1, e.Epoch, scale.Float(0))
}

// accept counts a good step.
func (r *run) accept(step int, loss float64) error {
	g, s := r.Strategy.Guard, &r.state.Guard
	s.Losses = append(s.Losses, loss)
	if len(s.Losses) > g.Window {
		s.Losses = s.Losses[1:]
	}
	s.Bad = 0
	if s.Good++; s.Good >= g.Window {
		s.Rolls = 0
	}
	if g.Snapshot > 0 && step-s.Snapshot >= g.Snapshot {
		return r.snapshot(step)
	}
	return nil
}

// snapshot keeps the present state as the one to come back to.
func (r *run) snapshot(step int) error {
	r.state.Guard.Snapshot = step
	return r.Store.Snapshot(&r.guard)
}

// rollBack brings back the weights of the last snapshot.
func (r *run) rollBack(e *Refused) error {
	g, s := r.Strategy.Guard, &r.state.Guard
	s.Rolls++
	if g.Snapshot == 0 || s.Rolls > g.Give {
		return fmt.Errorf("train: %d steps in a row were refused, the last one step %d (batch %d of epoch %d, loss %v, norm of the gradients %v), and weights came back %d times without help: "+
			"the learning rate may be too high, or the data holds values that are not finite; --detect-anomaly shows where they come from",
			s.Bad, e.Step, e.Batch, e.Epoch, e.Loss, e.GradNorm, s.Rolls-1)
	}
	e.RolledBack, e.SnapshotOf = true, s.Snapshot
	s.Bad, s.Good, s.Losses = 0, 0, nil
	return r.Store.Rollback(&r.guard)
}

// rememberStates copies the states of the model, such as running means, which
// the pieces of a batch change before the whole can be judged, where a step can
// be refused.
func (r *run) rememberStates() error {
	if r.Strategy.Guard == nil && r.Strategy.Precision != Float16 {
		return nil
	}
	if r.states == nil {
		r.states = map[string]*tensor.Tensor{}
	}
	for _, s := range r.Store.Tree().States {
		t, err := r.Store.Get(s.Key)
		if err != nil {
			return err
		}
		r.states[s.Key] = t
	}
	return nil
}

// recallStates brings them back.
func (r *run) recallStates() error {
	for key, t := range r.states {
		if err := r.Store.Set(key, t); err != nil {
			return err
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
