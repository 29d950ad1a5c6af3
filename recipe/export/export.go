// Package export takes a trained model out of its run folder: weights, network
// and preprocessing, the recipe, and a model card, without anything that tells of
// the machine that trained it.
package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/train"
)

// CardFile is the model card.
const CardFile = "README.md"

// Names lists all files that an exported folder may have.
func Names() []string {
	return []string{CardFile, train.ConfigFile, train.PreprocessFile, train.WeightsFile, train.RecipeFile}
}

// A Model is a trained model with what is known of how it came about.
type Model struct {
	Name   string
	Saved  *recipe.Saved
	Recipe *recipe.Recipe  // portable; nil if the folder has none
	Facts  []runlog.Fact   // of the report
	Scores []runlog.Record // the last of each split that was not trained on, test first
	Env    *runlog.Env     // nil if the folder has none

	card []byte // of a folder that was exported before, which its user may have written on
}

// Open opens the model of a run folder, or of one that was exported, under a
// name. The caller closes its Saved.
func Open(dir, name string) (*Model, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	m := recipe.ThisMachine()
	m.Threads = 1
	s, err := recipe.OpenRun(dir, m)
	if err != nil {
		return nil, err
	}
	x := &Model{Name: name, Saved: s}
	if err := x.read(dir); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return x, nil
}

// read reads what a folder has beside the model.
func (m *Model) read(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	fsys := root.FS()
	optional := func(name string) ([]byte, error) {
		b, err := fs.ReadFile(fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		return b, nil
	}
	text, err := optional(train.RecipeFile)
	if err != nil {
		return err
	}
	if text != nil {
		r, err := recipe.Portable(text, filepath.Join(dir, train.RecipeFile))
		if err != nil {
			return err
		}
		m.Recipe = &r
	}
	if text, err = optional(runlog.MetricsFile); err != nil {
		return err
	}
	if text == nil {
		m.card, err = optional(CardFile)
		return err
	}
	records, err := runlog.ReadMetrics(filepath.Join(dir, runlog.MetricsFile))
	if err != nil {
		return err
	}
	for _, split := range []string{"test", "validation"} {
		for _, r := range slices.Backward(records) {
			if r.Split == split {
				m.Scores = append(m.Scores, r)
				break
			}
		}
	}
	if env, err := runlog.ReadEnv(dir); err == nil {
		m.Env = &env
	}
	if m.Facts, err = runlog.ReadFacts(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// modelName is the form of names, as serve has it.
var modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// CheckName wants the name of a model: it becomes a part of addresses and of
// commands.
func CheckName(name string) error {
	if !modelName.MatchString(name) {
		return fmt.Errorf("%q is no name for a model: want up to 128 letters, digits and . _ -, a letter or digit first; give it one with --name", name)
	}
	return nil
}

// A File is a part of what is exported. Its name is one of Names.
type File struct {
	Name  string
	Write func(w io.Writer) error
}

// Files makes the files of a model, in an order of their own.
func (m *Model) Files() ([]File, error) {
	text := func(name string, b []byte) File {
		return File{name, func(w io.Writer) error { _, err := w.Write(b); return err }}
	}
	preprocess, err := m.Saved.Set.Marshal()
	if err != nil {
		return nil, err
	}
	card := m.card
	if card == nil {
		card = m.Card()
	}
	files := []File{
		text(CardFile, card),
		{train.ConfigFile, func(w io.Writer) error { return model.WriteConfig(w, m.Saved.Network.Config) }},
		text(train.PreprocessFile, preprocess),
		{train.WeightsFile, m.writeWeights},
	}
	if m.Recipe != nil {
		settings, err := recipe.Encode(*m.Recipe)
		if err != nil {
			return nil, err
		}
		files = append(files, text(train.RecipeFile, settings))
	}
	return files, nil
}

// writeWeights writes what train.SaveModel does.
func (m *Model) writeWeights(w io.Writer) error {
	values, err := m.Saved.Store.Export("")
	if err != nil {
		return err
	}
	var named []safetensors.Named
	for key, t := range values {
		named = append(named, safetensors.Named{Name: key, Tensor: t})
	}
	return safetensors.Encode(w, named, map[string]string{"format": "pt"})
}

// Write makes a folder of the files of a model: beside the place, and renamed
// when all of it is there. With overwrite an exported folder that stands there
// gives way; another never does.
func Write(dir string, files []File, overwrite bool) (err error) {
	dir = filepath.Clean(dir)
	exists, err := replaceable(dir, overwrite)
	if err != nil {
		return err
	}
	parent, base := filepath.Split(dir)
	if parent == "" {
		parent = "."
	}
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	beside, err := os.MkdirTemp(parent, "."+base+".*.tmp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(beside)
	fresh := filepath.Join(beside, "new")
	if err := os.Mkdir(fresh, 0o777); err != nil { // with the rights that a folder has, where MkdirTemp gives it to its maker alone
		return err
	}
	for _, f := range files {
		if err := writeFile(filepath.Join(fresh, filepath.FromSlash(f.Name)), f.Write); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Join(dir, filepath.FromSlash(f.Name)), err)
		}
	}
	old := filepath.Join(beside, "old")
	if exists {
		if err := os.Rename(dir, old); err != nil {
			return err
		}
	}
	if err := os.Rename(fresh, dir); err != nil {
		if exists {
			err = errors.Join(err, os.Rename(old, dir))
		}
		return err
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// replaceable tells whether something is at a place, and refuses what must not
// give way.
func replaceable(dir string, overwrite bool) (exists bool, err error) {
	st, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !st.IsDir() {
		return false, fmt.Errorf("%s is there, and is no folder", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	if len(entries) > 0 && !overwrite {
		return false, fmt.Errorf("%s is there: --overwrite replaces it", dir)
	}
	known := append([]string{"model"}, Names()...)
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			return false, fmt.Errorf("%s holds %s, which no export has: only a folder that was exported is replaced", dir, e.Name())
		}
	}
	return true, nil
}
