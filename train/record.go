package train

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/tensor"
)

// The files of a run folder that hold the model, and the settings of the run.
const (
	WeightsFile = "model/model.safetensors"
	ConfigFile  = "model/config.json"
	RecipeFile  = "recipe.yaml"
)

// A Recorder keeps a run in its folder: metrics as they come, the model after
// every epoch and at the end, the curves at the end. A run that was cancelled
// is kept too, with the weights as they are then; one that failed leaves the
// model of the last full epoch.
type Recorder struct {
	Run      *runlog.Run
	Store    *exec.Store
	Config   func(io.Writer) error     // writes config.json
	Title    string                    // of the curves
	LogEvery int                       // steps between lines of split "train"; an epoch's last step has one too
	Heard    func(runlog.Record) error // gets every line too; may be nil

	sum  sums // since the last line
	step int
	kept bool
}

// Kept is the number of steps done, and whether the model in the folder is as
// they left it.
func (r *Recorder) Kept() (step int, ok bool) { return r.step, r.kept }

// Handle is the callback.
func (r *Recorder) Handle(e Event) error {
	switch e := e.(type) {
	case *Stepped:
		r.sum.add(e.Samples, e.Loss, e.Correct)
		r.step, r.kept = e.Step, false
		if e.Step%r.LogEvery == 0 || e.Last {
			s := r.sum.score()
			r.sum = sums{}
			return r.log(e.Step, e.Epoch, "train", s, runlog.Metric{Name: "lr", Value: e.LR})
		}
	case *Scored:
		if e.Split == "train" {
			return r.saveModel()
		}
		return r.log(e.Step, e.Epoch, e.Split, e.Score)
	case *Ended:
		return r.end(e)
	}
	return nil
}

func (r *Recorder) log(step, epoch int, split string, s Score, more ...runlog.Metric) error {
	rec := runlog.Record{Step: step, Epoch: epoch, Split: split,
		Metrics: append([]runlog.Metric{{Name: "loss", Value: s.Loss}, {Name: "accuracy", Value: s.Accuracy}}, more...)}
	if err := r.Run.Log(rec); err != nil || r.Heard == nil {
		return err
	}
	return r.Heard(rec)
}

func (r *Recorder) end(e *Ended) error {
	var saved error
	if e.Err == nil || errors.Is(e.Err, context.Canceled) {
		saved = r.saveModel()
	}
	return errors.Join(saved, r.Run.WriteCurves(r.Title))
}

// saveModel replaces the model in the folder, unless it is up to date.
func (r *Recorder) saveModel() error {
	if r.kept {
		return nil
	}
	err := r.Run.WriteFile(ConfigFile, r.Config)
	if err != nil {
		return err
	}
	if err := SaveModel(r.Run.Path(WeightsFile), r.Store); err != nil {
		return err
	}
	r.kept = true
	return nil
}

// SaveModel writes the parameters and states of a store's model under their
// keys. An earlier file stays if that fails.
func SaveModel(path string, s *exec.Store) error {
	var named []safetensors.Named
	for _, key := range s.Model() {
		t, err := s.Get(key)
		if err != nil {
			return err
		}
		named = append(named, safetensors.Named{Name: key, Tensor: t})
	}
	return safetensors.Write(path, named, map[string]string{"format": "pt"})
}

// LoadModel gives a store's model the values of a file, which must hold exactly
// the model's keys, with their types. On an error the model stays as it was.
func LoadModel(path string, s *exec.Store) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	values := map[string]*tensor.Tensor{}
	for _, key := range s.Model() {
		old, err := s.Get(key)
		if err != nil {
			return err
		}
		t, err := f.Tensor(key)
		if err != nil {
			return err
		}
		if t.DType() != old.DType() || t.Shape() != old.Shape() {
			return fmt.Errorf("train: %s: %s is %v, the model wants %v", path, key, t, old)
		}
		values[key] = t
	}
	for _, name := range f.Names() {
		if values[name] == nil {
			return fmt.Errorf("train: %s: tensor %q belongs to no parameter of the model", path, name)
		}
	}
	for key, t := range values {
		if err := s.Set(key, t); err != nil {
			return err
		}
	}
	return nil
}
