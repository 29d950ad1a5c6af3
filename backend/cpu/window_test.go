package cpu_test

import (
	"fmt"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// What follows the gradient of a pooling with channels last runs at its end,
// also where windows overlap or leave positions out.
func TestMaxPoolGradEpilogue(t *testing.T) {
	for name, w := range map[string]struct{ size, stride, pad int }{"apart": {2, 2, 0}, "overlapping": {3, 2, 1}, "sparse": {1, 2, 0}} {
		for _, dims := range [][]int{{2, 8, 9, 5}, {3, 20, 20, 32}, {1, 4, 4, 700}} {
			for _, threads := range []int{1, 3} {
				t.Run(fmt.Sprint(name, dims, threads), func(t *testing.T) {
					window := ops.Window{}
					for a := range dims {
						window.Size[a], window.Stride[a], window.Dilation[a] = 1, 1, 1
					}
					for _, a := range []int{1, 2} {
						window.Size[a], window.Stride[a], window.PadLo[a], window.PadHi[a] = w.size, w.stride, w.pad, w.pad
					}
					n := newNet(1)
					x := n.input(ir.Arg, 1, dims...)
					y, index := ops.MaxPool(x, window)
					dy := n.input(ir.Arg, 1, y.Shape().Dims()...)
					dx := ir.Apply1(ops.MaxPoolGradOp{Window: window, Shape: x.Shape()}, dy, index)
					n.g.SetOutputs(ir.Apply1(ops.ReLUGradOp{}, x, ops.Add(dx, x)))
					r, err := check(newBackend(t, cpu.WithThreads(threads)), n.g, n.in...)
					if err != nil {
						t.Fatal(err)
					}
					if r.stats.Steps != 2 {
						t.Errorf("%d steps, want 2", r.stats.Steps)
					}
				})
			}
		}
	}
}
