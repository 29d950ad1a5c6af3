package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/tensor"
)

// What a checkpoint holds besides the store's own values.
const (
	guardPrefix = "guard/" // the snapshot of the guard, where that is another state
	bestPrefix  = "best/"  // the weights that early stopping would end with
)

// keep writes a checkpoint when one is due.
func (r *run) keep(epochEnded bool) error {
	if r.Recorder == nil || r.Recorder.Checkpoints == nil {
		return nil
	}
	cfg := r.Recorder.Checkpoint
	due := cfg.EverySteps != nil && r.state.Step%*cfg.EverySteps == 0 ||
		epochEnded && (r.done() || cfg.EveryEpochs != nil && r.state.Epoch%*cfg.EveryEpochs == 0)
	if due && r.Strategy.Guard != nil && r.Strategy.Guard.Snapshot > 0 && r.state.Guard.Bad == 0 {
		if err := r.snapshot(r.state.Step); err != nil {
			return err
		}
	}
	if !due && (cfg.EveryTime == nil || time.Since(r.saved) < *cfg.EveryTime) {
		return nil
	}
	return r.save()
}

// judgeCheckpoint notes the score that the next checkpoints are kept by.
func (r *run) judgeCheckpoint(score Score) error {
	if r.Recorder == nil || r.Recorder.Checkpoints == nil {
		return nil
	}
	v := score.Loss
	if name := r.Recorder.Checkpoint.Metric; name != nil {
		var err error
		if v, err = named(score, *name, "checkpoint.metric"); err != nil {
			return err
		}
	}
	r.state.Validation = nil
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		r.state.Validation = &v
	}
	return nil
}

// mark keeps the present state as the one that an interrupt of what follows
// goes back to: an evaluation is done as a whole or not at all.
func (r *run) mark() error {
	if r.Recorder == nil || r.Recorder.Checkpoints == nil {
		return nil
	}
	if err := r.snapshotToSave(); err != nil {
		return err
	}
	var err error
	r.marked, err = r.encodeState()
	return err
}

// snapshotToSave copies the store to where checkpoints are written from.
func (r *run) snapshotToSave() error {
	if r.copied {
		return nil
	}
	if err := r.Recorder.Checkpoints.Wait(); err != nil { // that is being read
		return r.unsaved(err)
	}
	if err := r.Store.Snapshot(&r.Recorder.snapshot); err != nil {
		return err
	}
	r.copied = true
	return nil
}

// save begins to write a checkpoint, of the marked state if there is one.
func (r *run) save() error {
	r.saved = time.Now()
	rec, state := r.Recorder, r.marked
	if state == nil {
		if err := r.snapshotToSave(); err != nil {
			return err
		}
		var err error
		if state, err = r.encodeState(); err != nil {
			return err
		}
	}
	c := checkpoint.Checkpoint{Step: r.state.Step, Score: r.state.Validation, State: state}
	add := func(prefix string, x *exec.Snapshot, copied bool) error {
		for _, key := range x.Keys() {
			t, err := x.Get(key)
			if err != nil {
				return err
			}
			if copied {
				t = t.Clone()
			}
			c.Values = append(c.Values, safetensors.Named{Name: prefix + key, Tensor: t})
		}
		return nil
	}
	if err := add("", &rec.snapshot, false); err != nil {
		return err
	}
	if g := r.Strategy.Guard; g != nil && g.Snapshot > 0 && r.state.Guard.Snapshot != r.state.Step {
		if err := add(guardPrefix, &r.guard, true); err != nil { // it may change while the file is written
			return err
		}
	}
	for key, t := range r.best {
		c.Values = append(c.Values, safetensors.Named{Name: bestPrefix + key, Tensor: t})
	}
	if err := rec.Checkpoints.Save(c); err != nil {
		return r.unsaved(err)
	}
	return r.tell(&Saved{Step: r.state.Step})
}

// unsaved says what to do about a checkpoint that could not be written.
func (r *run) unsaved(err error) error {
	return fmt.Errorf("train: %w; make room, then go on with: gradus train --resume %s", err, r.Recorder.Run.Dir())
}

func (r *run) encodeState() ([]byte, error) {
	r.state.MetricsBytes = r.Recorder.Run.MetricsBytes()
	if o, ok := r.rate.(schedule.Observer); ok {
		r.state.Schedule = o.State()
	}
	return json.Marshal(r.state)
}

// Resume goes on from a checkpoint. The trainer must have been made by the same
// settings as the one that wrote it.
func (t *Trainer) Resume(ctx context.Context, c *checkpoint.Checkpoint) (Result, error) {
	var state State
	d := json.NewDecoder(strings.NewReader(string(c.State)))
	d.DisallowUnknownFields()
	if err := d.Decode(&state); err != nil {
		return Result{}, fmt.Errorf("train: state of the checkpoint of step %d: %w", c.Step, err)
	}
	if state.Format > StateFormat {
		return Result{}, fmt.Errorf("train: the checkpoint of step %d was %w (format %d, this one reads up to %d): use that version", c.Step, checkpoint.ErrNewer, state.Format, StateFormat)
	}
	own, guard, best := map[string]*tensor.Tensor{}, map[string]*tensor.Tensor{}, map[string]*tensor.Tensor{}
	for _, v := range c.Values {
		if key, ok := strings.CutPrefix(v.Name, guardPrefix); ok {
			guard[key] = v.Tensor
		} else if key, ok := strings.CutPrefix(v.Name, bestPrefix); ok {
			best[key] = v.Tensor
		} else {
			own[v.Name] = v.Tensor
		}
	}
	if err := t.belongs(c, &state, own); err != nil {
		return Result{}, err
	}
	r := &run{Trainer: t, state: state, began: time.Now(), saved: time.Now()}
	if len(best) > 0 {
		r.best = best
	}
	if len(guard) == 0 {
		guard = own
	}
	if g := t.Strategy.Guard; g != nil && g.Snapshot > 0 {
		if err := t.Store.Restore(guard); err != nil {
			return Result{}, err
		}
		if err := t.Store.Snapshot(&r.guard); err != nil {
			return Result{}, err
		}
	}
	if err := t.Store.Restore(own); err != nil {
		return Result{}, err
	}
	return r.fit(ctx)
}

// close writes what a run leaves: the model, unless the run failed, and of a run
// that was interrupted a checkpoint.
func (r *run) close(ctx context.Context, failed error) error {
	rec := r.Recorder
	if rec == nil {
		return nil
	}
	defer rec.snapshot.Free()
	var errs []error
	interrupted := failed != nil && ctx.Err() != nil && errors.Is(failed, ctx.Err())
	if rec.Checkpoints != nil {
		if interrupted {
			errs = append(errs, r.save())
		}
		if err := rec.Checkpoints.Wait(); err != nil {
			errs = append(errs, r.unsaved(err))
		}
	}
	if failed == nil || interrupted {
		err := SaveModel(rec.Run.Path(WeightsFile), r.Store, r.shadow())
		rec.saved = err == nil
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
