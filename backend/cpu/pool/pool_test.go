package pool

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestRunDoesEveryPieceOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := New(threads)
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
				time.Sleep(3 * spin) // let the workers park
			}
		}
		p.Close()
	}
}

func TestPanicBecomesError(t *testing.T) {
	for _, threads := range []int{1, 2} {
		p := New(threads)
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
	p := New(2)
	defer p.Close()
	var n atomic.Int64
	fn := func(_, _ int) { n.Add(1) }
	if a := testing.AllocsPerRun(100, func() { p.Run(4, fn) }); a != 0 {
		t.Errorf("%v allocations a run", a)
	}
}
