package exec_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// Patterns choose modules, the outermost of those within each other; the bits
// are those of a step that keeps all.
func TestRecompute(t *testing.T) {
	for threads := 1; threads <= 3; threads++ {
		plain := newTrainee(t, threads, 1)
		plain.run(t, 4)
		nodes := func(m *trainee) int {
			p, err := m.step.Plan(ir.Type{DType: f32, Shape: shape.Of(6, 7)})
			if err != nil {
				t.Fatal(err)
			}
			return p.Nodes
		}
		sizes := map[string]int{}
		for _, modules := range [][]string{{"net"}, {"net.*"}, {"net.fc1"}, {"*"}, {"net", "net.fc*"}} {
			t.Run(fmt.Sprintf("threads=%d/%v", threads, modules), func(t *testing.T) {
				m := newTrainee(t, threads, 1)
				m.step.Recompute(modules...)
				m.run(t, 4)
				equalValues(t, m.all(t), plain.all(t))
				sizes[fmt.Sprint(modules)] = nodes(m)
			})
		}
		if few, many := sizes["[net.fc1]"], sizes["[net]"]; few >= many { // a layer of its own has nothing inside
			t.Errorf("%d nodes for a layer, %d for the net", few, many)
		}
		if a, b := sizes["[net]"], sizes["[net net.fc*]"]; a != b {
			t.Errorf("%d nodes for a module, %d for it and modules in it", a, b)
		}
	}
}

func TestRecomputeRefuses(t *testing.T) {
	m := newTrainee(t, 1, 1)
	m.step.Recompute("net", "blocks.*")
	_, err := m.step.Run(context.Background(), random(4, 6, 7))
	want(t, err, `exec: modules to compute again: "blocks.*" fits no key`)
	m.step.Recompute()
	m.run(t, 1)
}
