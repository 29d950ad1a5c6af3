package engine

import (
	"context"
	"fmt"
	"time"
)

// A memoryError is a version that has no room.
type memoryError struct {
	name, version      string
	need, used, budget int64
	parts              string // what needs most
	never              bool   // whatever else is loaded
}

func (m *memoryError) Error() string {
	if m.never {
		return fmt.Sprintf("model %s version %s needs %s%s, and all models together may need %s", m.name, m.version, bytesText(m.need), m.parts, bytesText(m.budget))
	}
	return fmt.Sprintf("model %s version %s needs %s, and of %s that all models may need %s are in use%s", m.name, m.version, bytesText(m.need), bytesText(m.budget), bytesText(m.used), m.parts)
}

// bytesText is a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}

// estimate is the memory that a load will need, or less: what it needed before,
// if the files are the same, or else that of its weights.
func (e *Engine) estimate(p *place, s Spec, files string) int64 {
	e.mu.Lock()
	before, same := p.bytes, p.bytes > 0 && files == p.loaded
	e.mu.Unlock()
	if same {
		return before
	}
	return s.weights() // reads a file: nobody waits for that
}

// weights is the memory of the weights, or 0 if that is not known.
func (s Spec) weights() int64 {
	if s.WeightBytes == nil {
		return 0
	}
	return s.WeightBytes()
}

// reserve makes room for a load. Versions that answer nothing give way, the one
// first that was not asked for the longest. Then the load waits: for requests to
// be answered, and after a while it takes busy versions off duty, one after the
// other, whose next requests wait for them to be loaded in turn. If the version
// that it replaces leaves no room beside it even alone, that one finishes its
// requests and is freed first, and new ones wait.
func (e *Engine) reserve(p *place, s Spec, need int64) error {
	if need > e.budget {
		m := &memoryError{name: s.Name, version: s.Version, need: need, budget: e.budget, never: true}
		if weights := s.weights(); weights > 0 && weights < need {
			m.parts = fmt.Sprintf(" (%s for its weights, %s to compute with them)", bytesText(weights), bytesText(need-weights))
		}
		return m
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, stop := context.WithTimeout(e.ctx, e.patience)
	defer stop()
	pause := e.patience / 8
	turn := time.Now().Add(pause)
	for e.used+need > e.budget {
		q := e.idlest(p, !time.Now().Before(turn))
		if q != nil {
			if q.version.leases > 0 {
				turn = time.Now().Add(pause)
			}
			e.evict(q)
			continue
		}
		if v := p.version; v != nil && v.bytes+need > e.budget {
			p.version, p.state = nil, Draining
			e.retire(v)
			e.mu.Unlock()
			e.log.Warn("model is freed before it is loaded again, since there is no room for both", "model", s.Name, "version", s.Version, "bytes", need, "budget", e.budget)
			e.mu.Lock()
			continue
		}
		if err := e.wait(ctx, time.After(max(0, time.Until(turn)))); err != nil {
			if e.ctx.Err() != nil {
				return err
			}
			return &memoryError{name: s.Name, version: s.Version, need: need, used: e.used, budget: e.budget, parts: e.largest()}
		}
		if e.idlest(p, true) == nil && !time.Now().Before(turn) { // nothing to take off duty yet
			turn = time.Now().Add(pause)
		}
	}
	e.used += need
	return nil
}

// unreserve gives up the room for a load that failed.
func (e *Engine) unreserve(need int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.used -= need
	e.free()
}

// settle puts what a load needs in place of what it seemed to need, and tells
// whether there is room.
func (e *Engine) settle(p *place, need, bytes int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if bytes > e.budget {
		return false
	}
	for e.used-need+bytes > e.budget {
		q := e.idlest(p, false)
		if q == nil {
			return false
		}
		e.evict(q)
	}
	e.used += bytes - need
	return true
}

// idlest is the version that was not asked for the longest, of those that are
// loaded and have no requests, or if there is none perhaps of all; but for one.
func (e *Engine) idlest(but *place, busy bool) *place {
	var best, all *place
	for _, m := range e.models {
		for _, p := range m.places {
			if p == but || p.version == nil {
				continue
			}
			if p.version.leases == 0 && (best == nil || p.used < best.used) {
				best = p
			}
			if all == nil || p.used < all.used {
				all = p
			}
		}
	}
	if best == nil && busy {
		return all
	}
	return best
}

// evict frees a version that stays listed, and returns, with the lock held, when
// that is done, or, if it has requests, before.
func (e *Engine) evict(p *place) {
	v, idle := p.version, p.version.leases == 0
	p.version, p.state = nil, Cold
	p.evictions++
	e.retire(v)
	e.mu.Unlock()
	e.log.Info("model evicted", "model", v.spec.Name, "version", v.spec.Version, "bytes", v.bytes)
	if idle {
		<-v.closed
	}
	e.mu.Lock()
}

// largest tells which of the loaded versions needs most.
func (e *Engine) largest() string {
	var most *version
	for _, m := range e.models {
		for _, p := range m.places {
			if v := p.version; v != nil && (most == nil || v.bytes > most.bytes) {
				most = v
			}
		}
	}
	if most == nil {
		return ""
	}
	return fmt.Sprintf(", most of it by model %s version %s: %s", most.spec.Name, most.spec.Version, bytesText(most.bytes))
}
