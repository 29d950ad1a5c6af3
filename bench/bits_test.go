package bench

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"runtime/debug"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
)

var bitSteps = flag.Int("bit-steps", 2, "steps after which TestBits compares weights")

// bits is a hash of the output of the last of some steps, and of all values
// after it.
func bits(t *testing.T, w Workload, set *kernel.Set, threads, steps int) string {
	t.Helper()
	b := cpu.New(cpu.WithThreads(threads), cpu.WithSet(set))
	defer b.Close()
	s, err := w.build(b)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for i := range steps {
		out, err := s.fn.Run(context.Background(), s.in...)
		if err != nil {
			t.Fatal(err)
		}
		if i == steps-1 {
			for _, v := range out {
				h.Write(v.Bytes())
			}
		}
	}
	for _, key := range s.store.Keys() {
		v, err := s.store.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(h, key, v.DType(), v.Shape())
		h.Write(v.Bytes())
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Weights and outputs after some steps are the same bytes whatever the number of threads,
// for every workload with every kernel set of this machine. The portable set,
// a hundred times slower, takes part in long runs only, where -bit-steps is
// given, and takes two steps there.
func TestBits(t *testing.T) {
	threads := []int{1, 2, 3, 5, 8}
	if testing.Short() {
		threads = []int{1, 3}
	}
	for _, w := range tested() {
		for _, set := range kernel.Sets() {
			if !set.Available || set.Name == "generic" && *bitSteps < 10 {
				continue
			}
			steps := *bitSteps
			if set.Name == "generic" {
				steps = 2
			}
			t.Run(w.Name+"/"+set.Name, func(t *testing.T) {
				debug.FreeOSMemory()
				want := bits(t, w, set, threads[0], steps)
				for _, n := range threads[1:] {
					if got := bits(t, w, set, n, steps); got != want {
						t.Errorf("%d threads give %s, 1 gives %s", n, got, want)
					}
				}
				t.Logf("%d steps: %s", steps, want)
			})
		}
	}
}

// A step of any workload allocates nothing once it has run.
func TestNoAllocation(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, under which short tests run, allocates")
	}
	for _, w := range tested() {
		t.Run(w.Name, func(t *testing.T) {
			b := cpu.New(cpu.WithThreads(2))
			defer b.Close()
			s, err := w.build(b)
			if err != nil {
				t.Fatal(err)
			}
			if n := testing.AllocsPerRun(3, func() {
				if _, err := s.Run(context.Background()); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%v allocations a step", n)
			}
		})
	}
}
