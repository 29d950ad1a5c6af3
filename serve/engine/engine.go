// Package engine runs trained models for many clients at once: it queues
// requests, computes them in batches, and keeps several models and versions
// within a budget of memory. It knows no protocol.
//
// What a model gives for an example is a function of model, example and kernel
// set alone: neither the examples that it is computed with, nor how a batch is
// filled up, nor the number of threads moves a bit of it.
//
// A version is reached through a scheduler, which takes jobs and answers each
// over a channel until an answer says that it is the last. The batcher is one
// that gives a single answer; generation token by token would be another.
package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/gradus-ml/gradus/recipe"
)

// An Opener loads a model for a machine.
type Opener func(m recipe.Machine) (*recipe.Saved, error)

// A Spec is a version of a model.
type Spec struct {
	Name    string
	Version string   // a number, "1"
	Labels  []string // other names of the version: "stable"
	Weight  float64  // its share of the requests that name no version
	Open    Opener
	// Batching of this version; nil is that of the engine.
	Batching *Batching
}

// An Info is what is known of a version.
type Info struct {
	Name, Version string
	Labels        []string
	Weight        float64
	Ready         bool
	Problem       string // why it is not ready, for clients
	Signature     Signature
	Waiting       int // examples that no instance has begun to compute
}

// An Engine serves models. It is safe for concurrent use.
type Engine struct {
	machine    recipe.Machine
	processors *processors
	observer   Observer
	log        *slog.Logger
	batching   Batching

	mu     sync.Mutex
	models map[string][]*version // by name, the newest last
}

// An Option sets up an engine.
type Option func(*Engine)

// WithBatching sets the batching of versions that have none of their own; the
// default is [DefaultBatching].
func WithBatching(b Batching) Option { return func(e *Engine) { e.batching = b } }

// WithLog sets where the causes of internal errors go; the default is nowhere.
func WithLog(l *slog.Logger) Option { return func(e *Engine) { e.log = l } }

// A version is a model that is loaded.
type version struct {
	spec      Spec
	signature Signature
	runner    *runner
	users     sync.WaitGroup
}

// New makes an engine without models, which computes with as many threads at a
// time as the machine has.
func New(m recipe.Machine, opts ...Option) *Engine {
	e := &Engine{machine: m, observer: deaf{}, log: slog.New(slog.DiscardHandler), batching: DefaultBatching(), models: map[string][]*version{}}
	e.processors = newProcessors(m.Threads)
	for _, o := range opts {
		o(e)
	}
	return e
}

// Add loads a version, and replaces one of the same name and number.
func (e *Engine) Add(ctx context.Context, s Spec) error {
	r, err := newRunner(ctx, e, s)
	if err != nil {
		return err
	}
	if err := r.warm(ctx); err != nil {
		return errors.Join(err, r.close())
	}
	v := &version{spec: s, runner: r, signature: signature(r.saved)}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.models[s.Name] = append(e.models[s.Name], v)
	return nil
}

// acquire finds the version that a request means, to be released.
func (e *Engine) acquire(ctx context.Context, name, want string) (*version, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, v := range e.models[name] {
		if want == "" || v.spec.Version == want {
			v.users.Add(1)
			return v, nil
		}
	}
	return nil, Errorf(NotFound, "there is no model %q", name)
}

func (v *version) release() { v.users.Done() }

// Info tells of the version that a request would get.
func (e *Engine) Info(name, want string) (*Info, error) {
	v, err := e.acquire(context.Background(), name, want)
	if err != nil {
		return nil, err
	}
	defer v.release()
	return v.info(), nil
}

func (v *version) info() *Info {
	return &Info{Name: v.spec.Name, Version: v.spec.Version, Labels: v.spec.Labels, Weight: v.spec.Weight, Ready: true, Signature: v.signature, Waiting: v.runner.waiting()}
}

// Models lists all versions of all models, by name and number.
func (e *Engine) Models() []*Info {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []*Info
	for _, versions := range e.models {
		for _, v := range versions {
			list = append(list, v.info())
		}
	}
	return list
}

// Close waits for the requests under way and frees all models.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, versions := range e.models {
		for _, v := range versions {
			v.users.Wait()
			errs = append(errs, v.runner.close())
		}
	}
	clear(e.models)
	return errors.Join(errs...)
}
