package cpu_test

import (
	"fmt"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
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
		"halves":      {Nodes: 12, Updates: true, Halves: true},
		"bodies":      {Nodes: 8, Bodies: true},
		"all bodies":  {Nodes: 12, Products: true, Updates: true, Bodies: true},
		"all halves":  {Nodes: 25, Products: true, Updates: true, Halves: true},
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

// Two groups that read each other's parts, at a distance, must not both grow:
// a joins a1 and a2, and then b2 must not join b1, which q and a2 come from.
func TestFusionMakesNoCircle(t *testing.T) {
	n := newNet(1)
	x, y := n.input(ir.Arg, 1, 6), n.input(ir.Arg, 1, 6)
	turn := func(v *ir.Value) *ir.Value { return ops.Neg(ops.Reshape(v, 2, 3)) }
	a1 := ops.Neg(x)
	p := turn(a1)
	b1 := ops.Neg(y)
	q := turn(b1)
	a2 := ops.Add(a1, ops.Reshape(q, 6))
	b2 := ops.Add(b1, ops.Reshape(p, 6))
	n.g.SetOutputs(a2, b2)
	if _, err := check(newBackend(t), n.g, n.in...); err != nil {
		t.Fatal(err)
	}
}
