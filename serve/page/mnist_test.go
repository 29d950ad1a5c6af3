package page_test

import (
	"path/filepath"
	"testing"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/runlog"
)

// trainDigits trains a small network on MNIST until it knows digits, and returns
// the run folder.
func trainDigits(t *testing.T) string {
	t.Helper()
	r, err := recipe.Read("mnist", "model.channels=[8, 16]", "model.hidden=64", "strategy.epochs=null", "strategy.steps=400",
		"data.validation=null", "data.test=null", "checkpoint.metric=null", "checkpoint.maximize=false")
	if err != nil {
		t.Fatal(err)
	}
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	x, err := r.Open(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	dir := filepath.Join(t.TempDir(), "mnist")
	run, err := runlog.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if x.Trainer.Recorder, err = x.Recorder(run); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Trainer.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir
}
