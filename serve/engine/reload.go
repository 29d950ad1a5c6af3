package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/train"
)

// Folder is a version that is loaded from a run folder.
func Folder(name, version, dir string) Spec {
	return Spec{
		Name: name, Version: version,
		Open:        func(m recipe.Machine) (*recipe.Saved, error) { return recipe.OpenRun(dir, m) },
		Fingerprint: func() (string, error) { return recipe.Fingerprint(dir) },
		WeightBytes: func() int64 {
			root, err := os.OpenRoot(dir)
			if err != nil {
				return 0
			}
			defer root.Close()
			f, err := safetensors.OpenFS(root.FS(), train.WeightsFile, train.WeightsFile)
			if err != nil {
				return 0 // a run that has not ended: a checkpoint holds more than weights
			}
			defer f.Close()
			n := int64(0)
			for _, name := range f.Names() {
				info, _ := f.Info(name)
				n += info.SizeBytes
			}
			return n
		},
	}
}

// A load is the loading of a version, under way or done.
type load struct {
	done    chan struct{} // closed when err and version are known
	err     error
	version *version
	waiting int  // requests that it will answer
	spec    Spec // of what is loaded
	other   bool // than what was there
}

// reload loads a version, once no other load of it is under way, and waits for
// that. Weight and labels are those of the spec if it is another one.
func (e *Engine) reload(ctx context.Context, p *place, s Spec, other bool) error {
	e.mu.Lock()
	for p.load != nil {
		l := p.load
		e.mu.Unlock()
		select {
		case <-l.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		e.mu.Lock()
	}
	if p.gone || e.ctx.Err() != nil {
		e.mu.Unlock()
		return errGone(s)
	}
	if !other { // what it is may have changed meanwhile
		s = p.spec
	}
	l := e.begin(p, s, other)
	e.mu.Unlock()
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errGone(s Spec) error {
	return Errorf(NotFound, "model %s version %s has been removed", s.Name, s.Version)
}

// begin starts a load.
func (e *Engine) begin(p *place, s Spec, other bool) *load {
	l := &load{done: make(chan struct{}), spec: s, other: other}
	p.load = l
	p.pending = ""
	if other {
		p.bytes = 0 // what was learnt of another model is of no use
	}
	e.tasks.Go(func() {
		start := time.Now()
		v, files, err := e.open(p, s)
		err = e.enter(p, l, v, files, err)
		log := e.log.With("model", s.Name, "version", s.Version, "seconds", time.Since(start).Seconds())
		if err != nil {
			log.Error("model not loaded", "error", err)
		} else {
			log.Info("model loaded", "bytes", v.bytes)
		}
	})
	return l
}

// enter ends a load: the version takes its place, or the error is kept.
func (e *Engine) enter(p *place, l *load, v *version, files string, err error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer close(l.done)
	p.load = nil
	if err == nil && (p.gone || e.ctx.Err() != nil) {
		e.retire(v)
		err = errGone(v.spec)
	}
	l.err = err
	if err == nil || p.generation == 0 {
		p.spec = l.spec
		if l.other {
			p.weight, p.labels = l.spec.Weight, slices.Clone(l.spec.Labels)
		}
	}
	if err != nil {
		p.failures++
		p.problem = problem(err)
		var short *memoryError
		passing := errors.As(err, &short) && !short.never
		switch {
		case p.version != nil:
		case passing || p.generation > 0 && files == p.loaded: // it has been loaded from these files, and will be again
			p.state = Cold
		default:
			p.state = Failed
		}
		if !passing && (!l.other || p.generation == 0) { // otherwise the next look tries again, or the files are of another
			p.tried = files
		}
		return err
	}
	if p.version != nil {
		e.retire(p.version)
	}
	p.version, p.signature, p.state, p.problem = v, v.signature, Ready, ""
	p.tried, p.loaded, p.bytes = files, files, v.bytes
	p.generation++
	p.loadedAt = time.Now()
	l.version, v.leases = v, l.waiting
	return nil
}

// open loads a version from files that are the same before and after. While
// nothing else answers for it, files that are not whole get time to become so.
func (e *Engine) open(p *place, s Spec) (v *version, files string, err error) {
	const tries = 5
	end := time.Now().Add(e.patience)
	bytes, of := int64(0), "" // what files need, once that is known
	for try := 1; ; try++ {
		if files, err = s.fingerprint(); err != nil {
			return nil, files, err
		}
		need := e.estimate(p, s, files)
		if files == of {
			need = max(need, bytes)
		}
		v, err = e.attempt(p, s, files, need)
		var more moreError
		var short *memoryError
		switch {
		case err == nil || errors.As(err, &short):
			return v, files, err
		case errors.As(err, &more):
			bytes, of = int64(more), files
			continue
		case errors.Is(err, errChanging) && try < tries:
		case e.bare(p) && time.Now().Before(end):
		default:
			return nil, files, err
		}
		select {
		case <-time.After(e.interval / 4):
		case <-e.ctx.Done():
			return nil, files, e.ctx.Err()
		}
	}
}

// bare tells that a version has answered, and that nothing does now.
func (e *Engine) bare(p *place) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return p.generation > 0 && p.version == nil && !p.gone && p.state != Failed
}

// attempt loads a version once. It fails with errChanging if the files have
// another fingerprint afterwards, with a moreError if there is no room for what
// the version turns out to need, and with a *memoryError if there is none for
// what it is known to need.
func (e *Engine) attempt(p *place, s Spec, files string, need int64) (*version, error) {
	if err := e.reserve(p, s, need); err != nil {
		return nil, err
	}
	v, err := e.read(s)
	switch {
	case err != nil:
	case e.settle(p, need, v.bytes):
		need = v.bytes
		err = e.warm(v)
	default:
		err = moreError(v.bytes)
	}
	if now, err2 := s.fingerprint(); now != files || err2 != nil {
		err = errors.Join(errChanging, err, err2)
	}
	if err == nil {
		return v, nil
	}
	if v != nil {
		err = errors.Join(err, v.runner.close())
	}
	e.unreserve(need)
	return nil, err
}

// A moreError is the bytes that a version turned out to need.
type moreError int64

func (m moreError) Error() string { return "it needs " + bytesText(int64(m)) }

var errChanging = errors.New("its files keep changing")

// fingerprint is that of the files as they are now.
func (s Spec) fingerprint() (string, error) {
	if s.Fingerprint == nil {
		return "", nil
	}
	return s.Fingerprint()
}

// read loads a version, which has computed nothing yet.
func (e *Engine) read(s Spec) (v *version, err error) {
	defer catch(&err)
	r, err := newRunner(e.ctx, e, s)
	if err != nil {
		return nil, err
	}
	return &version{spec: s, signature: signature(r.saved), runner: r, bytes: r.bytes(), engine: e, closed: make(chan struct{})}, nil
}

// warm makes a version compute for the first time.
func (e *Engine) warm(v *version) (err error) {
	defer catch(&err)
	return v.runner.warm(e.ctx)
}

// catch makes a panic an error.
func catch(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// problem is what a client may know of a load that failed.
func problem(err error) string {
	var e *Error
	var m *memoryError
	switch {
	case errors.As(err, &e):
		return e.Message
	case errors.As(err, &m):
		alone := *m
		if !m.never {
			alone.parts = "" // of other models, which the client's key may not be good for
		}
		return alone.Error()
	case errors.Is(err, errChanging):
		return errChanging.Error()
	case errors.Is(err, fs.ErrNotExist):
		return "a file of it is missing"
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return "a file of it ends too early"
	}
	return "it could not be loaded"
}

// notReady is the answer to a request for a version that can't be loaded.
func notReady(p *place, cause error) error {
	e := Errorf(Unavailable, "model %s version %s is not ready: %s", p.spec.Name, p.spec.Version, p.problem)
	e.Retry, e.Cause = time.Second, cause
	if p.state == Failed {
		e.Retry = 5 * time.Second
	}
	return e
}

// watch looks at the files of all models from time to time.
func (e *Engine) watch() {
	tick := time.NewTicker(e.interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			return
		}
		e.mu.Lock()
		var places []*place
		var specs []Spec
		for _, m := range e.models {
			for _, p := range m.places {
				if p.spec.Fingerprint != nil {
					places, specs = append(places, p), append(specs, p.spec)
				}
			}
		}
		e.mu.Unlock()
		for i, p := range places {
			// Files that are missing are about to come back, or the model stays.
			if now, err := specs[i].Fingerprint(); err == nil {
				e.look(p, now)
			}
		}
	}
}

// look begins a load if files have changed and are no longer changing. A cold
// version is not loaded for that: the next request does it.
func (e *Engine) look(p *place, now string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case p.load != nil || p.gone || e.draining || p.state == Cold:
	case now == p.tried:
		p.pending = ""
	case now != p.pending:
		p.pending = now
	default:
		e.begin(p, p.spec, false)
	}
}
