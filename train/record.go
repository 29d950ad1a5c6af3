package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/tensor"
)

// The files of a run folder that hold the model, and the settings of the run.
const (
	WeightsFile    = "model/model.safetensors"
	ConfigFile     = "model/config.json"
	PreprocessFile = "model/preprocess.json"
	RecipeFile     = "recipe.yaml"
	CheckpointsDir = "checkpoints"
)

// A Recorder keeps a run in its folder: metrics as they come, checkpoints when
// they are due, and at the end the model and the curves. A run that was
// cancelled is kept too, with the weights as they are then; one that failed
// leaves its checkpoints.
type Recorder struct {
	Run         *runlog.Run
	Title       string                           // of curves and report
	Facts       []runlog.Fact                    // that the report begins with
	Settings    string                           // that the report ends with, as YAML
	TensorBoard bool                             // write an event file
	Files       map[string]func(io.Writer) error // that describe the model, written before the first step
	Checkpoint  checkpoint.Config
	Checkpoints *checkpoint.Dir // nil writes none

	snapshot exec.Snapshot // that checkpoints are written from
	saved    bool          // the model in the folder is the present one
}

// Saved tells whether the folder holds the model as the run left it.
func (rec *Recorder) Saved() bool { return rec.saved }

// start writes what is known beforehand.
func (rec *Recorder) start() error {
	rec.saved = false
	for name, write := range rec.Files {
		if err := rec.Run.WriteFile(name, write); err != nil {
			return err
		}
	}
	return nil
}

// handle writes the lines of the log, and curves and report in the end.
func (rec *Recorder) handle(e Event) error {
	switch e := e.(type) {
	case *Started:
		if rec.TensorBoard {
			return rec.Run.WriteEvents(e.Step)
		}
	case *Logged:
		return rec.Run.Log(e.Record)
	case *Ended:
		return errors.Join(rec.Run.WriteCurves(rec.Title), rec.report(e))
	}
	return nil
}

// report writes what the run was and came to.
func (rec *Recorder) report(e *Ended) error {
	rep := runlog.Report{Title: rec.Title, Facts: rec.Facts, Took: e.Took, Stopped: e.Result.Stopped, Settings: rec.Settings}
	switch {
	case errors.Is(e.Err, context.Canceled):
		rep.Stopped = "interrupted"
	case e.Err != nil:
		rep.Stopped = e.Err.Error()
	}
	return rec.Run.WriteReport(rep)
}

// SaveModel writes the parameters and states of a store's model under their
// keys. The prefix names an average of the parameters that is written in their
// place, "" none. An earlier file stays if that fails.
func SaveModel(path string, s *exec.Store, prefix string) error {
	values, err := s.Export(prefix)
	if err != nil {
		return err
	}
	var named []safetensors.Named
	for key, t := range values {
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
	return loadModel(f, path, s)
}

// LoadModelFS is LoadModel in a file system, whose files must be such as
// safetensors.OpenFS reads. The path serves messages.
func LoadModelFS(fsys fs.FS, name, path string, s *exec.Store) error {
	f, err := safetensors.OpenFS(fsys, name, path)
	if err != nil {
		return err
	}
	return loadModel(f, path, s)
}

// loadModel takes the values of an open file, and closes it.
func loadModel(f *safetensors.File, path string, s *exec.Store) error {
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
	return s.Restore(values)
}

// LoadCheckpointModel gives a store's model the weights of a checkpoint: those
// that the run would have saved as its model then.
func LoadCheckpointModel(c *checkpoint.Checkpoint, s *exec.Store) error {
	values := map[string]*tensor.Tensor{}
	for _, v := range c.Values {
		values[v.Name] = v.Tensor
	}
	own := map[string]*tensor.Tensor{}
	for _, key := range s.Model() {
		for _, name := range []string{bestPrefix + key, swaPrefix + key, emaPrefix + key, optim.JudgedPrefix + key, key} {
			if t, ok := values[name]; ok {
				own[key] = t
				break
			}
		}
		if own[key] == nil {
			return fmt.Errorf("train: the checkpoint of step %d has no %s", c.Step, key)
		}
	}
	return s.Restore(own)
}
