package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/format/safetensors"
)

// A Dir is a folder of checkpoints that is being written. Its methods are
// called from one goroutine.
type Dir struct {
	path    string
	cfg     Config
	pinned  time.Time  // of the last one kept for good
	writing chan error // nil when nothing is under way
	last    string     // the newest file that is whole
}

// Open makes the folder and removes what a killed process left unfinished.
func Open(path string, cfg Config) (*Dir, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".step-") && strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.Remove(filepath.Join(path, e.Name())); err != nil {
				return nil, fmt.Errorf("checkpoints: %w", err)
			}
		}
	}
	d := &Dir{path: path, cfg: cfg, pinned: time.Now()}
	names, err := list(os.DirFS(path), path)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		d.last = filepath.Join(path, names[len(names)-1])
	}
	return d, nil
}

// Save begins to write a checkpoint, in a goroutine of its own. Before that it
// waits for the one before, and returns what went wrong with that. The values
// must stay as they are until the next Save or Wait returns. Time and Pinned
// are set here.
func (d *Dir) Save(c Checkpoint) error {
	if err := d.Wait(); err != nil {
		return err
	}
	c.Time = time.Now()
	if every := d.cfg.KeepEvery; every != nil && c.Time.Sub(d.pinned) >= *every {
		c.Pinned, d.pinned = true, c.Time
	}
	d.writing = make(chan error, 1)
	done := d.writing
	go func() { done <- d.write(c) }()
	return nil
}

// Wait waits until nothing is being written, and returns what went wrong.
func (d *Dir) Wait() error {
	if d.writing == nil {
		return nil
	}
	err := <-d.writing
	d.writing = nil
	return err
}

// write makes the file, whole or not at all, and then removes what is not to be
// kept any more.
func (d *Dir) write(c Checkpoint) error {
	path := filepath.Join(d.path, name(c.Step))
	if err := safetensors.Write(path, c.Values, c.metadata()); err != nil {
		kept := "there is no earlier one"
		if d.last != "" {
			kept = "the last good one is " + d.last
		}
		return fmt.Errorf("checkpoint of step %d could not be written: %w; %s", c.Step, err, kept)
	}
	d.last = path
	return d.prune()
}

// prune removes the checkpoints that no setting keeps.
func (d *Dir) prune() error {
	fsys := os.DirFS(d.path)
	names, err := list(fsys, d.path)
	if err != nil {
		return err
	}
	type entry struct {
		name   string
		score  *float64
		pinned bool
	}
	var whole, scored []entry
	keep := map[string]bool{}
	for _, name := range names {
		c, err := load(fsys, name, filepath.Join(d.path, name), false)
		if err != nil {
			keep[name] = true // not whole: somebody else's to judge
			continue
		}
		e := entry{name, c.Score, c.Pinned}
		whole = append(whole, e)
		if e.score != nil && *e.score == *e.score {
			scored = append(scored, e)
		}
	}
	for i, e := range whole {
		keep[e.name] = e.pinned || i >= len(whole)-d.cfg.KeepLast
	}
	slices.SortStableFunc(scored, func(a, b entry) int {
		if d.cfg.Maximize {
			a, b = b, a
		}
		return cmp.Compare(*a.score, *b.score)
	})
	for _, e := range scored[:min(d.cfg.KeepBest, len(scored))] {
		keep[e.name] = true
	}
	var errs []error
	for _, name := range names {
		if !keep[name] {
			errs = append(errs, os.Remove(filepath.Join(d.path, name)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("checkpoints: %w", err)
	}
	return nil
}
