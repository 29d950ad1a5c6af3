// Package runlog keeps the record of a training run as plain files in one
// folder:
//
//	metrics.jsonl          one JSON object a line: step, epoch, split, then each metric
//	events.out.tfevents.*  the same for TensorBoard, one file for each start
//	env.json               the program and the machine
//	curves.png             the metrics drawn
//	report.md              what was trained, how, and with what result
//
// and whatever else the run writes with [Run.WriteFile], such as recipe.yaml
// and model/. All files but the first two are replaced as a whole, so that a
// full disk or a killed process loses no earlier one.
package runlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/gradus-ml/gradus/internal/atomicfile"
)

// The names of the files that this package writes.
const (
	MetricsFile = "metrics.jsonl"
	EnvFile     = "env.json"
	CurvesFile  = "curves.png"
)

// ErrExists is wrapped by Create's error for a folder that already holds the
// metrics of a run.
var ErrExists = errors.New("already holds a run")

// ErrInUse is wrapped by the error for a folder that another Run, mostly that
// of another process, is writing.
var ErrInUse = errors.New("is in use: another process is writing it")

// A Run is a run folder that is being written. Its methods may be called
// concurrently.
type Run struct {
	dir string

	mu      sync.Mutex
	metrics tail
	line    []byte
	events  *events // for TensorBoard, or nil
}

// An Option changes what Create does.
type Option func(*options)

type options struct{ overwrite bool }

// WithOverwrite lets Create begin anew in the folder of an earlier run: its
// metrics are dropped at once, in both forms, every other file when the new run
// writes it.
func WithOverwrite() Option { return func(o *options) { o.overwrite = true } }

// Create makes the folder, with those above it, and finds out whether files
// can be written there before any work is spent. It refuses a folder that
// holds metrics of an earlier run, or is being written; other files there are
// no obstacle.
func Create(dir string, opts ...Option) (*Run, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	if err := probe(dir); err != nil {
		return nil, fmt.Errorf("run folder %s can't be written: %w", dir, err)
	}
	f, size, err := claim(dir)
	if err != nil {
		return nil, err
	}
	if size > 0 && !o.overwrite {
		f.Close()
		return nil, fmt.Errorf("run folder %s %w (%s has %d bytes): choose another folder, or ask to overwrite", dir, ErrExists, MetricsFile, size)
	}
	err = f.Truncate(0)
	if err == nil && o.overwrite {
		err = removeEvents(dir)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("run folder: %w", err)
	}
	return &Run{dir: dir, metrics: tail{file: f}}, nil
}

// claim opens the metrics of a folder, for this Run alone, and tells their size.
func claim(dir string) (*os.File, int64, error) {
	f, err := os.OpenFile(filepath.Join(dir, MetricsFile), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, 0, fmt.Errorf("run folder: %w", err)
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("run folder %s %w", dir, err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("run folder: %w", err)
	}
	return f, st.Size(), nil
}

// Resume opens the folder of an earlier part of a run and cuts its metrics to
// their first size bytes: what was logged behind the state that the run goes on
// from will be logged again.
func Resume(dir string, size int64) (*Run, error) {
	if err := probe(dir); err != nil {
		return nil, fmt.Errorf("run folder %s can't be written: %w", dir, err)
	}
	f, has, err := claim(dir)
	if err != nil {
		return nil, err
	}
	if has < size {
		err = fmt.Errorf("%s has %d bytes, the run had logged %d: bring the file back, or begin a new run", MetricsFile, has, size)
	} else {
		err = f.Truncate(size)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("run folder %s: %w", dir, err)
	}
	return &Run{dir: dir, metrics: tail{f, size}}, nil
}

// MetricsBytes is the size of metrics.jsonl.
func (r *Run) MetricsBytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.metrics.size
}

// probe writes a small file and removes it.
func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4096))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// Dir is the folder.
func (r *Run) Dir() string { return r.dir }

// Path is the path of a file in the folder, such as "model/config.json".
func (r *Run) Path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

// WriteFile replaces a file of the folder as a whole by what write writes.
// When write or the disk fails, an earlier file of this name stays. Folders in
// the name, such as model/config.json, are made.
func (r *Run) WriteFile(name string, write func(io.Writer) error) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("run folder %s: file name %q leads out of it", r.dir, name)
	}
	path := r.Path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if err := atomicfile.Write(path, write); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}

// Log appends one line to metrics.jsonl, with one write, and one event to the
// file of WriteEvents, if there is one. If it fails, what was logged before
// stays whole.
func (r *Run) Log(rec Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	line, err := rec.appendJSON(r.line[:0])
	if err != nil {
		return fmt.Errorf("run folder: %s: %w", MetricsFile, err)
	}
	r.line = line
	err = r.metrics.write(line)
	if err == nil && r.events != nil {
		err = r.events.log(rec)
	}
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}

// WriteCurves draws what was logged so far into curves.png. With nothing to
// draw it writes no file.
func (r *Run) WriteCurves(title string) error {
	records, err := ReadMetrics(r.Path(MetricsFile))
	if err != nil {
		return err
	}
	c := NewCurves(title, records)
	if c.Empty() {
		return nil
	}
	return r.WriteFile(CurvesFile, c.WritePNG)
}

// Close brings metrics.jsonl and the event file to the disk and closes them.
func (r *Run) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.metrics.close()
	if r.events != nil {
		err = errors.Join(err, r.events.file.close())
	}
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}
