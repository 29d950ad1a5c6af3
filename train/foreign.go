package train

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/tensor"
)

// ErrForeign is wrapped by Resume's error for a checkpoint of another model or
// of other data.
var ErrForeign = errors.New("the checkpoint is not of this run")

// A Data tells the data of a run apart from others.
type Data struct {
	Train      int    `json:"train"`         // rows
	Validation int    `json:"validation"`    // rows, 0 for none
	Test       int    `json:"test"`          // rows, 0 for none
	Fitted     string `json:"preprocessing"` // hash of what was learnt from the training rows
}

// differs says how the data d that a run began with differ from those at hand;
// "" means not at all.
func (d *Data) differs(now *Data) string {
	if d == nil || now == nil || *d == *now {
		return ""
	}
	var diffs []string
	for _, s := range []struct {
		split     string
		then, now int
	}{{"train", d.Train, now.Train}, {"validation", d.Validation, now.Validation}, {"test", d.Test, now.Test}} {
		if s.then != s.now {
			diffs = append(diffs, fmt.Sprintf("%s had %d rows and has %d", s.split, s.then, s.now))
		}
	}
	if diffs == nil {
		return "as many rows, but means, classes or words that were learnt from them are others now"
	}
	return strings.Join(diffs, ", ")
}

// belongs finds out whether a checkpoint with such a state and such values of
// the store is one of this trainer's.
func (t *Trainer) belongs(c *checkpoint.Checkpoint, state *State, values map[string]*tensor.Tensor) error {
	if how := state.Data.differs(t.Data); how != "" {
		return fmt.Errorf("train: %w: the data have changed since step %d (%s)", ErrForeign, c.Step, how)
	}
	var wrong []string
	model := t.Store.Model()
	for _, key := range model {
		if values[key] == nil {
			wrong = append(wrong, "it lacks "+key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		v, err := t.Store.Get(key)
		if err != nil {
			continue // of an optimizer or an average, which begin with the first step
		}
		if got := values[key]; v.DType() != got.DType() || v.Shape() != got.Shape() {
			wrong = append(wrong, fmt.Sprintf("%s is %v, the model wants %v", key, got, v))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	const most = 3
	more := ""
	if n := len(wrong) - most; n > 0 {
		wrong, more = wrong[:most], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("train: %w: that of step %d is of another model: %s%s", ErrForeign, c.Step, strings.Join(wrong, ", "), more)
}
