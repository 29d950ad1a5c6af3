package kernel

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// runPhases does phases one after another, the chunks of each on several
// goroutines that take the next free one.
func runPhases(phases []Phase, workers int) {
	for i := range phases {
		p := &phases[i]
		if p.Chunks == 1 || workers == 1 {
			for i := range p.Chunks {
				p.Run(0, i)
			}
			continue
		}
		var next atomic.Int64
		var all sync.WaitGroup
		for w := range min(workers, p.Chunks) {
			all.Go(func() {
				for i := int(next.Add(1)) - 1; i < p.Chunks; i = int(next.Add(1)) - 1 {
					p.Run(w, i)
				}
			})
		}
		all.Wait()
	}
}

// A spinPool runs phases without sleeping between them, for measurements.
type spinPool struct {
	workers int
	phase   atomic.Pointer[spinJob]
	quit    atomic.Bool
}

type spinJob struct {
	p          *Phase
	next, done atomic.Int64
}

func newSpinPool(workers int) *spinPool {
	s := &spinPool{workers: workers}
	for w := 1; w < workers; w++ {
		go func() {
			var last *spinJob
			for n := 0; !s.quit.Load(); n++ {
				if j := s.phase.Load(); j != last {
					last = j
					j.work(w)
				} else if n%4096 == 0 {
					runtime.Gosched()
				}
			}
		}()
	}
	return s
}

func (j *spinJob) work(w int) {
	for i := int(j.next.Add(1)) - 1; i < j.p.Chunks; i = int(j.next.Add(1)) - 1 {
		j.p.Run(w, i)
		j.done.Add(1)
	}
}

func (s *spinPool) run(phases []Phase) {
	for i := range phases {
		p := &phases[i]
		if p.Chunks == 1 || s.workers == 1 {
			for c := range p.Chunks {
				p.Run(0, c)
			}
			continue
		}
		j := &spinJob{p: p}
		s.phase.Store(j)
		j.work(0)
		for j.done.Load() < int64(p.Chunks) {
		}
	}
}

func (s *spinPool) stop() { s.quit.Store(true) }

// measure runs phases again and again and reports the rate of the fastest run,
// which a busy machine disturbs least.
func measure(b *testing.B, workers int, phases []Phase, flops float64) {
	pool := newSpinPool(workers)
	defer pool.stop()
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		pool.run(phases)
		best = min(best, time.Since(start))
	}
	b.ReportMetric(flops/float64(best.Nanoseconds()), "GFLOP/s-best")
	b.ReportMetric(float64(best.Nanoseconds())/1000, "us-best")
}

// eachSet runs a test once for every set that this machine has.
func eachSet(t *testing.T, f func(t *testing.T, s *Set)) {
	for _, s := range Sets() {
		t.Run(s.Name, func(t *testing.T) {
			if !s.Available {
				t.Skip("not on this machine")
			}
			f(t, s)
		})
	}
}
