package main

import (
	"path/filepath"
	"testing"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/train"
)

// Weights score in the file as they do in the store that wrote it.
func TestEvaluate(t *testing.T) {
	if testing.Short() {
		t.Skip("scores 10,000 images twice")
	}
	r, err := recipe.Read("mnist", "seed=5") // evaluate's own weights begin with another
	if err != nil {
		t.Fatal(err)
	}
	x, err := r.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := train.SaveModel(path, x.Trainer.Store, ""); err != nil {
		t.Fatal(err)
	}
	want, err := x.Trainer.Score(t.Context(), "test", x.Trainer.Test)
	if err != nil {
		t.Fatal(err)
	}
	got, err := evaluate(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Loss != want.Loss || got.Value("accuracy") != want.Value("accuracy") || got.Samples != 10000 {
		t.Errorf("%+v from the file, %+v from the store", got, want)
	}
	if _, err := evaluate(t.Context(), "main.go"); err == nil {
		t.Error("a file of another kind is taken for weights")
	}
}
