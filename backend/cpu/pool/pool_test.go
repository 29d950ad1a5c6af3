package pool

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestRunDoesEveryPieceOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := New(threads, Spin)
		if p.Threads() != threads {
			t.Fatalf("%d threads, want %d", p.Threads(), threads)
		}
		for round := range 300 {
			counts := make([]atomic.Int32, round%17)
			if err := p.Run(len(counts), func(worker, piece int) {
				if worker < 0 || worker >= threads {
					t.Errorf("worker %d of %d", worker, threads)
				}
				counts[piece].Add(1)
			}); err != nil {
				t.Fatal(err)
			}
			for i := range counts {
				if counts[i].Load() != 1 {
					t.Fatalf("piece %d done %d times", i, counts[i].Load())
				}
			}
			if round%100 == 99 {
				time.Sleep(3 * Spin) // let the workers park
			}
		}
		p.Close()
	}
}

func TestPanicBecomesError(t *testing.T) {
	for _, threads := range []int{1, 2} {
		p := New(threads, Spin)
		defer p.Close()
		err := p.Run(8, func(_, piece int) {
			if piece == 3 {
				panic("piece three")
			}
		})
		var pe *Panic
		if !errors.As(err, &pe) || pe.Value != "piece three" || len(pe.Stack) == 0 {
			t.Fatalf("got %v", err)
		}
		if err := p.Run(8, func(_, _ int) {}); err != nil {
			t.Fatalf("the pool is of no use after a panic: %v", err)
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	p := New(2, Spin)
	defer p.Close()
	var n atomic.Int64
	fn := func(_, _ int) { n.Add(1) }
	if a := testing.AllocsPerRun(100, func() { p.Run(4, fn) }); a != 0 {
		t.Errorf("%v allocations a run", a)
	}
}

// A limited pool does every piece too, on the workers that may take part.
func TestLimit(t *testing.T) {
	p := New(4, 10*time.Microsecond)
	defer p.Close()
	for round := range 2000 {
		limit := 1 + round*7%4
		p.Limit(limit)
		var done, wrong atomic.Int64
		if err := p.Run(16, func(worker, _ int) {
			done.Add(1)
			if worker >= limit {
				wrong.Add(1)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if done.Load() != 16 || wrong.Load() != 0 {
			t.Fatalf("%d pieces done, %d of them by workers beyond %d", done.Load(), wrong.Load(), limit)
		}
		if round%500 == 0 {
			time.Sleep(time.Millisecond) // let the workers park
		}
	}
}
