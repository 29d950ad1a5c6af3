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
//
// A version of a model is listed from Add to Remove. What computes for it comes
// and goes: it is loaded beside the one that answers, takes its place, and the
// old one is freed when its last request is answered; it is freed when memory
// is wanted for another model, and loaded again by the next request.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gradus-ml/gradus/recipe"
)

// An Opener loads a model for a machine.
type Opener func(m recipe.Machine) (*recipe.Saved, error)

// A Spec is a version of a model. [Folder] makes one of a run folder.
type Spec struct {
	Name    string
	Version string   // a number, "1"
	Labels  []string // other names of the version: "stable"
	Weight  float64  // its share of the requests that name no version
	Open    Opener
	// Batching of this version; nil is that of the engine.
	Batching *Batching
	// Fingerprint tells one state of the model's files from another. With it a
	// model is loaded again when its files have changed, and never half of one
	// state and half of another. Nil for a model that doesn't change.
	Fingerprint func() (string, error)
	// WeightBytes tells, without loading, what memory the weights will need at
	// least: a model that has no room is refused before it takes any. Nil, or 0,
	// if that is not known.
	WeightBytes func() int64
}

// A State says what a version is doing.
type State string

// The states.
const (
	Loading  State = "loading"  // for the first time
	Ready    State = "ready"    // answers
	Cold     State = "cold"     // gave its memory to another; the next request loads it
	Failed   State = "failed"   // could not be loaded; Problem tells why
	Draining State = "draining" // finishes its requests
)

// An Info is what is known of a version.
type Info struct {
	Name, Version string
	Labels        []string
	Weight        float64
	State         State
	Ready         bool   // a request would be answered: State is Ready or Cold
	Problem       string // what went wrong last, for clients; a version can be ready in spite of it
	Signature     Signature

	Generation int       // how often it was loaded
	LoadedAt   time.Time // the last time that it was
	Failures   int       // loads that failed
	Evictions  int       // how often it gave its memory to another
	Bytes      int64     // memory that it needs, 0 if it is not loaded
	Requests   int       // under way
	Waiting    int       // examples that no instance has begun to compute
}

// An Engine serves models. It is safe for concurrent use.
type Engine struct {
	machine    recipe.Machine
	processors *processors
	decoding   decoding // of pictures
	observer   Observer
	log        *slog.Logger
	batching   Batching
	interval   time.Duration // between two looks at files
	patience   time.Duration // how long a load waits for memory
	budget     int64         // bytes

	ctx   context.Context // ends with Close, and with it what goes on in the background
	stop  context.CancelFunc
	tasks sync.WaitGroup

	mu       sync.Mutex
	models   map[string]*model
	used     int64 // bytes of what is loaded, being loaded, or not closed yet
	clock    int64 // counts leases
	requests int   // under way
	draining bool
	watching bool
	waiting  int           // for changed
	changed  chan struct{} // closed, and made anew, when memory or the engine has become free
	errs     []error       // of closing
}

// An Option sets up an engine.
type Option func(*Engine)

// WithBatching sets the batching of versions that have none of their own; the
// default is [DefaultBatching].
func WithBatching(b Batching) Option { return func(e *Engine) { e.batching = b } }

// WithMemory sets the bytes that all loaded models may need together, by the
// plan of their computations. The default is half of what the process may have:
// the other half is for requests, and for the files that models are loaded
// from, which the system keeps in memory.
func WithMemory(bytes int64) Option { return func(e *Engine) { e.budget = bytes } }

// WithLog sets where loads, evictions and the causes of internal errors go; the
// default is nowhere.
func WithLog(l *slog.Logger) Option { return func(e *Engine) { e.log = l } }

// WithInterval sets the time between two looks at the files of models, 2 s by
// default. Files that have changed are read when they are the same at two looks.
func WithInterval(d time.Duration) Option { return func(e *Engine) { e.interval = d } }

// New makes an engine without models, which computes with as many threads at a
// time as the machine has.
func New(m recipe.Machine, opts ...Option) *Engine {
	e := &Engine{
		machine:    m,
		processors: newProcessors(m.Threads),
		decoding:   newDecoding(),
		observer:   deaf{},
		log:        slog.New(slog.DiscardHandler),
		batching:   DefaultBatching(),
		interval:   2 * time.Second,
		patience:   10 * time.Second,
		budget:     memoryLimit() / 2,
		models:     map[string]*model{},
		changed:    make(chan struct{}),
	}
	for _, o := range opts {
		o(e)
	}
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e
}

// Add lists a version and loads it, beside the one of the same name and number
// if there is one, whose place it takes. If it can't be loaded, the error tells
// why; the one that was there goes on answering, and where there was none the
// version stays listed as failed, and is tried again when its files change.
func (e *Engine) Add(ctx context.Context, s Spec) error {
	if err := s.validate(); err != nil {
		return err
	}
	e.mu.Lock()
	if e.draining {
		e.mu.Unlock()
		return errDraining()
	}
	m := e.models[s.Name]
	if m == nil {
		m = &model{name: s.Name}
	}
	if err := m.free(s.Labels, s.Version); err != nil {
		e.mu.Unlock()
		return err
	}
	p := m.place(s.Version)
	other := p != nil
	if !other {
		p = &place{spec: s, weight: s.Weight, labels: slices.Clone(s.Labels), state: Loading}
		m.insert(p)
		e.models[s.Name] = m
	}
	if s.Fingerprint != nil && !e.watching {
		e.watching = true
		e.tasks.Go(e.watch)
	}
	e.mu.Unlock()
	return e.reload(ctx, p, s, other)
}

// Remove takes a version off the list. It returns when the requests that it was
// answering are answered and its memory is free, or when the context ends, and
// then that happens later.
func (e *Engine) Remove(ctx context.Context, name, version string) error {
	e.mu.Lock()
	m := e.models[name]
	p, err := m.find(name, version)
	if err != nil {
		e.mu.Unlock()
		return err
	}
	v := p.version
	m.remove(p)
	if len(m.places) == 0 {
		delete(e.models, name)
	}
	if v != nil {
		p.version = nil
		e.retire(v)
	}
	number := p.spec.Version
	e.mu.Unlock()
	e.log.Info("model removed", "model", name, "version", number)
	if v == nil {
		return nil
	}
	select {
	case <-v.closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reload loads a version again, whether its files have changed or not, and
// swaps it for the one that answers. Version "" means all versions of a model,
// name "" all models. Cold versions are left alone: the next request loads them
// anyway.
func (e *Engine) Reload(ctx context.Context, name, version string) error {
	e.mu.Lock()
	var places []*place
	switch {
	case name == "":
		for _, m := range e.models {
			places = append(places, m.places...)
		}
	case version == "" && e.models[name] != nil:
		places = append(places, e.models[name].places...)
	default:
		p, err := e.models[name].find(name, version)
		if err != nil {
			e.mu.Unlock()
			return err
		}
		places = append(places, p)
	}
	var specs []Spec
	for _, p := range places {
		specs = append(specs, p.spec)
	}
	e.mu.Unlock()
	var errs []error
	for i, p := range places {
		e.mu.Lock()
		cold := p.state == Cold
		e.mu.Unlock()
		if !cold {
			errs = append(errs, e.reload(ctx, p, specs[i], false))
		}
	}
	return errors.Join(errs...)
}

// SetWeights sets the shares that the versions of a model have of the requests
// that name no version; those that are not given have none. The weights of all
// versions change at once.
func (e *Engine) SetWeights(name string, weights map[string]float64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.models[name]
	if m == nil {
		return notFound(name)
	}
	for number, w := range weights {
		if m.place(number) == nil {
			return Errorf(NotFound, "model %s has no version %.100q", name, number)
		}
		if err := checkWeight(w); err != nil {
			return err
		}
	}
	for _, p := range m.places {
		p.weight, p.credit = weights[p.spec.Version], 0
	}
	return nil
}

// SetLabels sets the labels of a model, each with the number of its version;
// those that are not given are gone. All labels change at once.
func (e *Engine) SetLabels(name string, labels map[string]string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.models[name]
	if m == nil {
		return notFound(name)
	}
	for label, number := range labels {
		if err := checkLabel(label); err != nil {
			return err
		}
		if m.place(number) == nil {
			return Errorf(NotFound, "label %s: model %s has no version %.100q", label, name, number)
		}
	}
	m.setLabels(labels)
	return nil
}

// Info tells of the version that a request would get, or one of them where
// weights decide.
func (e *Engine) Info(name, want string) (*Info, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.models[name]
	if want == "" && m != nil {
		return e.info(m, m.likely()), nil
	}
	p, err := m.find(name, want)
	if err != nil {
		return nil, err
	}
	return e.info(m, p), nil
}

// Models lists all versions of all models, by name and number.
func (e *Engine) Models() []*Info {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []*Info
	for _, m := range sorted(e.models) {
		for _, p := range m.places {
			list = append(list, e.info(m, p))
		}
	}
	return list
}

// Memory tells how many bytes loaded models need, and how many they may.
func (e *Engine) Memory() (used, budget int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.used, e.budget
}

// Ready tells whether the engine takes requests, and all models that were added
// have been loaded once.
func (e *Engine) Ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.models {
		for _, p := range m.places {
			if p.generation == 0 {
				return false
			}
		}
	}
	return !e.draining
}

// Drain turns new requests away and waits for those under way, until the
// context ends. A server closes its listeners and finishes its connections
// first: then no client is turned away.
func (e *Engine) Drain(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.draining = true
	for e.requests > 0 {
		if err := e.wait(ctx, nil); err != nil {
			return fmt.Errorf("engine: %d requests are still under way: %w", e.requests, err)
		}
	}
	return nil
}

// Close waits for the requests under way and frees all models.
func (e *Engine) Close() error {
	err := e.Drain(context.Background())
	e.mu.Lock()
	e.stop()
	for _, m := range e.models {
		for _, p := range m.places {
			p.gone = true
			if p.version != nil {
				e.retire(p.version)
				p.version = nil
			}
		}
	}
	clear(e.models)
	e.mu.Unlock()
	e.tasks.Wait()
	return errors.Join(append(e.errs, err)...)
}
