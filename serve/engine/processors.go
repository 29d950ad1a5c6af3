package engine

import (
	"slices"
	"sync"
)

// processors are what all instances of an engine compute on. An instance takes
// as many as it has threads for the time of a batch, so that the pools of
// several models don't fight over them. Who asks first is served first: a model
// that wants all of them is not kept waiting by those that want one.
type processors struct {
	total int

	mu      sync.Mutex
	free    int
	waiting []claim
}

// A claim waits for processors.
type claim struct {
	n     int
	given chan struct{}
}

func newProcessors(n int) *processors { return &processors{total: n, free: n} }

// take waits for n processors, at most all there are, and returns how many it
// has taken.
func (p *processors) take(n int) int {
	n = min(n, p.total)
	p.mu.Lock()
	if len(p.waiting) == 0 && p.free >= n {
		p.free -= n
		p.mu.Unlock()
		return n
	}
	c := claim{n, make(chan struct{})}
	p.waiting = append(p.waiting, c)
	p.mu.Unlock()
	<-c.given
	return n
}

// more takes up to n processors that nobody waits for.
func (p *processors) more(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 {
		return 0
	}
	n = max(0, min(n, p.free))
	p.free -= n
	return n
}

// give returns processors.
func (p *processors) give(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free += n
	for len(p.waiting) > 0 && p.waiting[0].n <= p.free {
		p.free -= p.waiting[0].n
		close(p.waiting[0].given)
		p.waiting = slices.Delete(p.waiting, 0, 1)
	}
}
