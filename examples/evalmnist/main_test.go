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
	r := recipe.DefaultMNIST(recipe.ThisMachine())
	r.Seed = 5 // evaluate's own weights begin with another
	writer, err := r.Trainer()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Store.Close()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := train.SaveModel(path, writer.Store, ""); err != nil {
		t.Fatal(err)
	}
	want, err := writer.Score(t.Context(), "test", writer.Validation)
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
