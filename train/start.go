package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/tensor"
)

// Loaded is the event after a run has taken weights to start from.
type Loaded struct {
	Path     string
	Taken    []string // keys of the model that have weights of the file now
	Missing  []string // keys of the model that the file lacks
	Unfit    []string // keys that both have, with what is different
	Unused   []string // names in the file that are no keys of the model
	Excluded []string // keys that the settings leave out
}

func (*Loaded) event() {}

// Load takes weights from a file of safetensors, or from the model of a run
// folder. With Strict every key of the model must be there, and nothing else;
// without it what fits is taken, and the rest is listed. That nothing at all
// fits is an error either way. On an error the model stays as it was.
func (s Start) Load(store *exec.Store) (*Loaded, error) {
	path := s.From
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, filepath.FromSlash(WeightsFile))
	}
	f, err := safetensors.Open(path)
	if errors.Is(err, fs.ErrNotExist) && path != s.From {
		return nil, fmt.Errorf("train: start.from: %s is no run folder with a model: %w", s.From, err)
	}
	if err != nil {
		return nil, fmt.Errorf("train: start.from: %w", err)
	}
	defer f.Close()
	l := &Loaded{Path: path}
	skip, err := module.MatchAll(s.Exclude, store.Model())
	if err != nil {
		return nil, fmt.Errorf("train: start.exclude: %w", err)
	}
	values, known := map[string]*tensor.Tensor{}, map[string]bool{}
	for i, key := range store.Model() {
		known[key] = true
		if skip[i] >= 0 {
			l.Excluded = append(l.Excluded, key)
			continue
		}
		if _, ok := f.Info(key); !ok {
			l.Missing = append(l.Missing, key)
			continue
		}
		own, err := store.Get(key)
		if err != nil {
			return nil, err
		}
		t, err := f.Tensor(key)
		if err != nil {
			return nil, fmt.Errorf("train: start.from: %w", err)
		}
		if t.DType() != own.DType() || t.Shape() != own.Shape() {
			l.Unfit = append(l.Unfit, fmt.Sprintf("%s is %v in the file, %v in the model", key, t, own))
			continue
		}
		values[key], l.Taken = t, append(l.Taken, key)
	}
	for _, name := range f.Names() {
		if !known[name] {
			l.Unused = append(l.Unused, name)
		}
	}
	switch {
	case len(l.Taken) == 0:
		return nil, fmt.Errorf("train: start.from: nothing in %s fits the model: %s", path, l.misfits())
	case s.Strict && len(l.Missing)+len(l.Unfit)+len(l.Unused) > 0:
		return nil, fmt.Errorf("train: start.from: %s does not fit the model: %s; without start.strict what fits is taken", path, l.misfits())
	}
	return l, store.Restore(values)
}

// misfits lists what did not fit, a few of each kind.
func (l *Loaded) misfits() string {
	var parts []string
	add := func(what string, list []string) {
		const few = 3
		if n := len(list); n > 0 {
			text := what + strings.Join(list[:min(few, n)], ", ")
			if n > few {
				text += fmt.Sprintf(" and %d more", n-few)
			}
			parts = append(parts, text)
		}
	}
	add("", l.Unfit)
	add("it lacks ", l.Missing)
	add("the model lacks ", l.Unused)
	return strings.Join(parts, "; ")
}
