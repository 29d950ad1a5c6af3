package cpu_test

import (
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A gradient that only the update of its parameter reads takes no memory of its
// size, and the update has the bits of one that reads it from memory.
func TestGradientPasses(t *testing.T) {
	const rows, cols, batch = 700, 1400, 200
	step := func(wanted bool) *net {
		n := newNet(6)
		x, dy := n.input(ir.Arg, 1, batch, rows), n.input(ir.Arg, 1, batch, cols)
		p, buf := n.input(ir.Variable, 1, rows, cols), n.input(ir.Variable, 1, rows, cols)
		d := ops.DotGeneral(x, dy, ops.DotSpec{XContract: []int{0}, YContract: []int{0}})
		var scalars []*ir.Value
		for _, s := range []float64{0.1, 0.01, 0.9, 1} {
			scalars = append(scalars, ops.Reshape(ops.Scalar(ops.Sum(p), s)))
		}
		next, state := ops.Update(ops.SGDMomentumUpdate, p, d, []*ir.Value{buf}, scalars)
		n.g.Update(p, next)
		n.g.Update(buf, state[0])
		if wanted {
			n.g.SetOutputs(d)
		} else {
			n.g.SetOutputs(ops.Sum(x))
		}
		return n
	}
	for _, set := range sets() {
		t.Run(set.Name, func(t *testing.T) {
			for _, threads := range []int{1, 2, 5} {
				b := newBackend(t, cpu.WithSet(set), cpu.WithThreads(threads))
				passing, wanted := step(false), step(true)
				got, err := run(b, passing.g, passing.in...)
				if err != nil {
					t.Fatal(err)
				}
				want, err := run(b, wanted.g, wanted.in...)
				if err != nil {
					t.Fatal(err)
				}
				got.outputs = nil
				if err := sameBits(got, want); err != nil {
					t.Errorf("%d threads: %v", threads, err)
				}
				if saved := want.stats.ArenaBytes - got.stats.ArenaBytes; threads == 1 && saved < 4*rows*cols/2 {
					t.Errorf("the step takes %d bytes, with its gradient %d", got.stats.ArenaBytes, want.stats.ArenaBytes)
				}
			}
		})
	}
}
