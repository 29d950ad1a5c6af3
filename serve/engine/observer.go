package engine

import "time"

// An Observer is told what an engine does, for metrics. Its methods are called
// by many goroutines, between two batches of a model, and must be quick.
type Observer interface {
	// Computed is told of each batch that was computed, or that failed.
	Computed(b Batch)
	// Rejected is told of each request that a version's queue did not answer:
	// Exhausted where it was full, TooLarge where it never has room for as many
	// examples, Deadline and Canceled of one that was waiting, Unavailable where
	// the version is closed.
	Rejected(model, version string, reason Code)
}

// A Batch is one run of a model's network.
type Batch struct {
	Model, Version string
	Examples       int             // of requests
	Padded         int             // that were computed: what was added counts
	Waits          []time.Duration // of each request in it, from its preprocessing to here; valid during the call
	Compute        time.Duration
	Failed         bool // the requests in it are computed one by one
}

// WithObserver tells an observer what the engine does.
func WithObserver(o Observer) Option { return func(e *Engine) { e.observer = o } }

// deaf is the observer of an engine without one.
type deaf struct{}

func (deaf) Computed(Batch)                {}
func (deaf) Rejected(string, string, Code) {}
