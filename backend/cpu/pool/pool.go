// Package pool runs pieces of work on a fixed number of workers.
//
// Waking a parked goroutine costs more than most kernels of a small model, so
// workers spin for a while after each job, then park. The caller works too and
// never waits for a worker that did not arrive: each has a share of the pieces,
// whoever is through with his own helps the others, and when all shares are
// empty the gate closes.
package pool

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Spin is how long a worker looks for the next job before it parks, unless a
// pool is told otherwise. A step of training has serial gaps well below this.
const Spin = 2 * time.Millisecond

const closed = 1 << 31

type pad [64]byte

// A Pool is a caller and n-1 workers. One Run is under way at a time.
type Pool struct {
	_      pad
	gate   atomic.Uint64 // epoch<<32 | closed | number of workers that joined
	_      pad
	done   atomic.Int64 // workers that have left the job
	_      pad
	shares []share // of the pieces, by worker

	fn    func(worker, piece int)
	ws    []*worker
	spin  time.Duration
	limit atomic.Int64 // threads that take part
	fail  atomic.Pointer[Panic]
	stop  atomic.Bool
	ended sync.WaitGroup
}

// A share is the run of pieces that a worker does before it helps others.
type share struct {
	_    pad
	next atomic.Int64 // the piece to take next
	end  int64
	_    pad
}

type worker struct {
	_      pad
	parked atomic.Bool
	wake   chan struct{}
	_      pad
}

// A Panic is a piece of work that panicked.
type Panic struct {
	Value any
	Stack []byte
}

// Error prints the panic's value; the stack is kept for logs.
func (p *Panic) Error() string { return fmt.Sprintf("panic in a worker: %v", p.Value) }

// New starts a pool of n threads, the caller being one of them. Workers look for
// the next job as long as spin says before they park.
func New(n int, spin time.Duration) *Pool {
	p := &Pool{shares: make([]share, n), spin: spin}
	p.limit.Store(int64(n))
	p.gate.Store(closed)
	for i := 1; i < n; i++ {
		w := &worker{wake: make(chan struct{}, 1)}
		p.ws = append(p.ws, w)
		p.ended.Add(1)
		go p.work(i, w)
	}
	return p
}

// Threads is the number of threads, the caller included.
func (p *Pool) Threads() int { return len(p.ws) + 1 }

// Limit makes later jobs the work of n threads at most, the caller being one of
// them, until it is called again. It changes no piece of work.
func (p *Pool) Limit(n int) { p.limit.Store(int64(n)) }

// Close ends the workers and waits for them.
func (p *Pool) Close() {
	p.stop.Store(true)
	for _, w := range p.ws {
		p.unpark(w)
	}
	p.ended.Wait()
}

func (p *Pool) work(id int, w *worker) {
	defer p.ended.Done()
	var last uint64
	for {
		g, ok := p.await(w, last)
		if !ok {
			return
		}
		for g&closed == 0 && int64(id) < p.limit.Load() {
			if p.gate.CompareAndSwap(g, g+1) {
				p.take(id)
				p.done.Add(1)
				break
			}
			g = p.gate.Load()
		}
		last = g >> 32
	}
}

func opened(g, last uint64) bool { return g>>32 != last && g&closed == 0 }

// await spins, then parks, until an epoch other than last is open.
func (p *Pool) await(w *worker, last uint64) (g uint64, ok bool) {
	for {
		for t0 := time.Now(); time.Since(t0) < p.spin; {
			for range 64 {
				if g := p.gate.Load(); opened(g, last) {
					return g, true
				}
				pause()
			}
			if p.stop.Load() {
				return 0, false
			}
		}
		w.parked.Store(true)
		// A job or the end that came before parked was set woke nobody.
		if g := p.gate.Load(); opened(g, last) || p.stop.Load() {
			p.unpark(w)
		}
		<-w.wake
		if g := p.gate.Load(); opened(g, last) {
			return g, true
		}
		if p.stop.Load() {
			return 0, false
		}
	}
}

func (p *Pool) unpark(w *worker) {
	if w.parked.CompareAndSwap(true, false) {
		w.wake <- struct{}{}
	}
}

// take does the pieces of the worker's own share, then what others have left of
// theirs. Jobs that follow one another mostly cut the same memory in the same
// order: what a worker wrote is still in its own cache when it comes back to it.
func (p *Pool) take(id int) {
	defer p.recover()
	for k := range p.shares {
		s := &p.shares[(id+k)%len(p.shares)]
		for i := s.next.Add(1) - 1; i < s.end; i = s.next.Add(1) - 1 {
			p.fn(id, int(i))
		}
	}
}

func (p *Pool) recover() {
	if v := recover(); v != nil {
		p.fail.CompareAndSwap(nil, &Panic{v, debug.Stack()})
		for i := range p.shares { // the rest is pointless
			p.shares[i].next.Store(p.shares[i].end)
		}
	}
}

// Run calls fn once for each piece, on any worker, and returns when all are
// done. A panic in a piece ends the run and is returned. It allocates nothing.
func (p *Pool) Run(pieces int, fn func(worker, piece int)) error {
	p.fn = fn
	for i := range p.shares {
		s := &p.shares[i]
		s.next.Store(int64(i * pieces / len(p.shares)))
		s.end = int64((i + 1) * pieces / len(p.shares))
	}
	if others := min(int(p.limit.Load())-1, len(p.ws)); pieces > 1 && others > 0 {
		p.done.Store(0)
		p.gate.Store((p.gate.Load()>>32 + 1) << 32)
		for _, w := range p.ws[:others] {
			if w.parked.Load() {
				p.unpark(w)
			}
		}
		p.take(0)
		p.join()
	} else {
		p.take(0)
	}
	if f := p.fail.Load(); f != nil {
		p.fail.Store(nil)
		return f
	}
	return nil
}

// join closes the gate and waits for the workers that came through it.
func (p *Pool) join() {
	g := p.gate.Load()
	for !p.gate.CompareAndSwap(g, g|closed) {
		g = p.gate.Load()
	}
	joined := int64(g & (closed - 1))
	for i := 1; p.done.Load() != joined; i++ {
		pause()
		if i&0xfff == 0 {
			runtime.Gosched()
		}
	}
}
