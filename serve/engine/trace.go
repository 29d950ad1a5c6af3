package engine

import (
	"context"
	"sync"
)

// A Trace learns what became of the requests of one call, for logs, metrics and
// traces: whoever stands before the protocols puts one into the context, and
// Predict fills it in. It is safe for concurrent use.
type Trace struct {
	mu     sync.Mutex
	record Record
}

// A Record is what a Trace has learnt.
type Record struct {
	Predictions    int    // calls of Predict and Do
	Failures       int    // those that failed
	Model, Version string // of the last one; "" where the engine has no such
	N              int    // examples that were answered
	Times          Times  // of the last one
	Err            *Error // of the last one that failed
}

type traceKey struct{}

// WithTrace makes a context whose predictions are told to t.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// Record is what is known so far.
func (t *Trace) Record() Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.record
}

// traceOf is the Trace of a context, or nil.
func traceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// add tells of one prediction. The model is "" where the engine has no such one.
func (t *Trace) add(a *Response, model string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &t.record
	r.Predictions++
	r.Model, r.Version, r.Times = model, a.Version, a.Times
	if err != nil {
		r.Failures++
		r.Err = AsError(err)
	} else {
		r.N += a.N
	}
}
