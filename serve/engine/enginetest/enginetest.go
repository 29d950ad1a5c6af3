// Package enginetest makes small models for tests of serving: folders as runs
// leave them, with weights that are drawn and not trained.
package enginetest

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/train"
)

//go:embed testdata
var testdata embed.FS

// The models.
const (
	Digits   = "digits"   // images of 28x28, grey, in ten classes
	Penguins = "penguins" // numbers and categories of a table, in three classes
	Masses   = "masses"   // the same columns, and a number to be found
	Mail     = "mail"     // texts in two classes
	Photos   = "photos"   // colour images of 32x32 in four classes
	Stars    = "stars"    // texts of varying length in two classes
	Tags     = "tags"     // the same texts, and a tag for each word
)

// Folder makes the folder of a model, with weights of a seed.
func Folder(t testing.TB, kind string, seed uint64) string {
	t.Helper()
	dir := t.TempDir()
	if err := Write(dir, kind, seed); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Write fills the folder of a model, with weights of a seed, in place of those
// that it has.
func Write(dir, kind string, seed uint64) error {
	for _, name := range []string{train.ConfigFile, train.PreprocessFile} {
		text, err := fs.ReadFile(testdata, fmt.Sprintf("testdata/%s/%s", kind, filepath.Base(name)))
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return err
		}
	}
	network, err := model.ReadConfig(filepath.Join(dir, filepath.FromSlash(train.ConfigFile)))
	if err != nil {
		return err
	}
	b, err := Machine().Backend()
	if err != nil {
		return err
	}
	store, err := exec.NewStore(b, network.Module, exec.Seed(seed))
	if err != nil {
		return err
	}
	defer store.Close()
	return train.SaveModel(filepath.Join(dir, filepath.FromSlash(train.WeightsFile)), store, "")
}

// Machine is one thread.
func Machine() recipe.Machine {
	m := recipe.ThisMachine()
	m.Threads = 1
	return m
}

// Engine makes an engine that serves kinds of models under their names, as
// version 1. It is closed with the test.
func Engine(t testing.TB, kinds ...string) *engine.Engine {
	t.Helper()
	e := engine.New(Machine())
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, kind := range kinds {
		dir := Folder(t, kind, 1)
		open := func(m recipe.Machine) (*recipe.Saved, error) { return recipe.OpenRun(dir, m) }
		if err := e.Add(t.Context(), engine.Spec{Name: kind, Version: "1", Weight: 1, Open: open}); err != nil {
			t.Fatal(err)
		}
	}
	return e
}
