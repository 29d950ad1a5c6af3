package engine

import (
	"context"
	"time"
)

// A version is a model that is loaded. It lives until it is retired and its last
// request is answered.
type version struct {
	spec      Spec // as it was when loading began
	signature Signature
	runner    *runner
	bytes     int64

	engine  *Engine
	leases  int // requests that it answers; guarded by engine.mu, as is retired
	retired bool
	closed  chan struct{}
}

// acquire finds the version that a request means, to be released. It waits while
// a cold one is loaded.
func (e *Engine) acquire(ctx context.Context, name, want, key string) (*version, error) {
	if err := Allowed(ctx, name); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining {
		return nil, errDraining()
	}
	e.requests++
	v, err := e.lease(ctx, name, want, key)
	if err != nil {
		e.answered()
	}
	return v, err
}

// lease is acquire for a request that is under way.
func (e *Engine) lease(ctx context.Context, name, want, key string) (*version, error) {
	for {
		p, err := e.models[name].choose(name, want, key)
		if err != nil {
			return nil, err
		}
		e.clock++
		p.used = e.clock
		if v := p.version; v != nil {
			v.leases++
			return v, nil
		}
		switch {
		case p.state == Failed:
			return nil, notReady(p, nil)
		case p.state == Loading:
			e := Errorf(Unavailable, "model %s version %s is being loaded", name, p.spec.Version)
			e.Retry = time.Second
			return nil, e
		}
		l := p.load
		if l == nil {
			l = e.begin(p, p.spec, false)
		}
		l.waiting++
		e.mu.Unlock()
		select {
		case <-l.done:
		case <-ctx.Done():
		}
		e.mu.Lock()
		select {
		case <-l.done:
		default:
			l.waiting--
			return nil, ctx.Err()
		}
		switch {
		case l.err == nil:
			return l.version, nil // with a lease for each who waited
		case !p.gone:
			return nil, notReady(p, l.err)
		}
	}
}

// release ends what acquire began.
func (v *version) release() {
	e := v.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	v.leases--
	if v.leases == 0 {
		if v.retired {
			e.tasks.Go(v.close)
		}
		e.free()
	}
	e.answered()
}

// answered counts a request that is no longer under way.
func (e *Engine) answered() {
	e.requests--
	if e.requests == 0 {
		e.free()
	}
}

// retire closes a version that gets no more requests, once its last one is
// answered.
func (e *Engine) retire(v *version) {
	v.retired = true
	if v.leases == 0 {
		e.tasks.Go(v.close)
	}
}

// close frees a version that nobody uses.
func (v *version) close() {
	err := v.runner.close()
	e := v.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	e.used -= v.bytes
	if err != nil {
		e.errs = append(e.errs, err)
	}
	close(v.closed)
	e.free()
}

// free wakes those who wait for memory, or for the engine to have no requests.
func (e *Engine) free() {
	if e.waiting > 0 {
		close(e.changed)
		e.changed = make(chan struct{})
	}
}

// wait waits for free. It is called, and returns, with the lock held.
func (e *Engine) wait(ctx context.Context, timeout <-chan time.Time) error {
	changed := e.changed
	e.waiting++
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.waiting--
	}()
	select {
	case <-changed:
	case <-timeout:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
