package page

import (
	"context"
	"sync"
	"time"

	"github.com/gradus-ml/gradus/serve/engine"
)

// maxWaiting is how many explanations of a model may wait while one is computed.
// More would take from predictions what they wait for.
const maxWaiting = 4

// queues lets one explanation of each model be computed at a time.
type queues struct {
	mu     sync.Mutex
	models map[string]*queue // that have one under way
}

// A queue is that of a model.
type queue struct {
	turn  chan struct{} // holds what the one that is computed has taken
	users int           // that wait or compute
}

// enter waits for the turn of an explanation; leave ends it.
func (q *queues) enter(ctx context.Context, model string) (leave func(), err error) {
	q.mu.Lock()
	m := q.models[model]
	if m == nil {
		m = &queue{turn: make(chan struct{}, 1)}
		if q.models == nil {
			q.models = map[string]*queue{}
		}
		q.models[model] = m
	}
	if m.users > maxWaiting {
		q.mu.Unlock()
		e := engine.Errorf(engine.Exhausted, "model %s has %d explanations to compute already", model, m.users)
		e.Retry = time.Second
		return nil, e
	}
	m.users++
	q.mu.Unlock()
	gone := func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if m.users--; m.users == 0 {
			delete(q.models, model)
		}
	}
	select {
	case m.turn <- struct{}{}:
		return func() { <-m.turn; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, ctx.Err()
	}
}
