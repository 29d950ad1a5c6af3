package guard

import (
	"context"
	"sync"
	"time"

	"github.com/gradus-ml/gradus/serve/engine"
)

// patience is how long a body waits for memory that others have.
const patience = 2 * time.Second

// A budget is an amount of memory that the bodies of all requests share. Who
// asks first is served first.
type budget struct {
	mu      sync.Mutex
	total   int64
	free    int64
	waiting []*wait
}

// A wait is one who waits for n bytes.
type wait struct {
	n     int64
	ready chan struct{} // closed when the bytes are his
}

func newBudget(total int64) *budget { return &budget{total: total, free: total} }

// take takes n bytes, to be given back.
func (b *budget) take(ctx context.Context, n int64) error {
	if n > b.total {
		return refuse(engine.TooLarge, "the body needs more memory than the server has for bodies")
	}
	b.mu.Lock()
	if len(b.waiting) == 0 && n <= b.free {
		b.free -= n
		b.mu.Unlock()
		return nil
	}
	w := &wait{n: n, ready: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	err := error(nil)
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		err = engine.AsError(ctx.Err())
	case <-timer.C:
		full := refuse(engine.Exhausted, "the server has no memory left for more bodies")
		full.Retry = time.Second
		err = full
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, other := range b.waiting {
		if other == w {
			b.waiting = append(b.waiting[:i], b.waiting[i+1:]...)
			b.serve()
			return err
		}
	}
	b.free += n // they came just now
	b.serve()
	return err
}

// give gives n bytes back.
func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += n
	b.serve()
}

// serve hands free bytes to those who wait, in their order.
func (b *budget) serve() {
	for len(b.waiting) > 0 && b.waiting[0].n <= b.free {
		b.free -= b.waiting[0].n
		close(b.waiting[0].ready)
		b.waiting = b.waiting[1:]
	}
}
