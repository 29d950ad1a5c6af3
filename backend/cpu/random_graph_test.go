package cpu_test

import (
	"fmt"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ops/optest/graphs"
)

// Fusion, layouts, the memory plan and updates in place change no value:
// random graphs give what the interpreter gives, on every instruction set and
// number of threads.
func TestRandomGraphs(t *testing.T) {
	count := 1500
	if testing.Short() {
		count = 150
	}
	var backends []*cpu.Backend
	for _, set := range sets() {
		for _, threads := range []int{1, 3} {
			backends = append(backends, newBackend(t, cpu.WithSet(set), cpu.WithThreads(threads)))
		}
	}
	for name, cfg := range map[string]graphs.Config{
		"elementwise": {Nodes: 15},
		"long":        {Nodes: 80, Updates: true},
		"updates":     {Nodes: 12, Updates: true},
		"products":    {Nodes: 10, Products: true},
		"all":         {Nodes: 25, Products: true, Updates: true},
	} {
		t.Run(name, func(t *testing.T) {
			failures := 0
			for i := range count / 5 {
				b := backends[i%len(backends)]
				if err := randomGraph(b, uint64(i), cfg); err != nil {
					t.Errorf("seed %d, %s, %d threads: %v", i, b.Set().Name, b.Threads(), err)
					if failures++; failures == 10 {
						t.Fatal("and so on")
					}
				}
			}
		})
	}
}

func randomGraph(b *cpu.Backend, seed uint64, cfg graphs.Config) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	r := graphs.Make(seed, cfg)
	if err := r.Graph.Err(); err != nil {
		return fmt.Errorf("the generator is wrong: %w", err)
	}
	_, err = check(b, r.Graph, r.Inputs...)
	return err
}
