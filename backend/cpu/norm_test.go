package cpu_test

import (
	"fmt"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// What follows a batch norm, or a group norm with channels last, runs at its end: activations, sums with other
// branches, and none of it where the group reads the statistics too.
func TestNormEpilogue(t *testing.T) {
	for name, tc := range map[string]struct {
		build func(x, w, b, other *ir.Value) []*ir.Value
		steps int
	}{
		"relu": {func(x, w, b, _ *ir.Value) []*ir.Value {
			y, _, _ := ops.BatchNorm(x, w, b, -1, 0.1)
			return []*ir.Value{ops.ReLU(y)}
		}, 1},
		"residual": {func(x, w, b, other *ir.Value) []*ir.Value {
			y, mean, variance := ops.BatchNorm(x, w, b, -1, 0.1)
			return []*ir.Value{ops.ReLU(ops.Add(y, other)), mean, variance}
		}, 1},
		"its own operand": {func(x, w, b, _ *ir.Value) []*ir.Value {
			y, _, _ := ops.BatchNorm(x, w, b, -1, 0.1)
			return []*ir.Value{ops.Add(ops.Mul(y, x), y), y}
		}, 1},
		"statistics": {func(x, w, b, _ *ir.Value) []*ir.Value {
			y, mean, _ := ops.BatchNorm(x, w, b, -1, 0.1)
			return []*ir.Value{ops.Mul(y, mean)}
		}, 2},
		"group norm": {func(x, w, b, other *ir.Value) []*ir.Value {
			pixels := ops.Reshape(x, 1, x.Dim(0), x.Dim(1))
			out := ir.Apply(ops.GroupNormOp{Groups: x.Dim(1), Axis: 2, Eps: 0.1}, pixels, w, b)
			return []*ir.Value{ops.SiLU(ops.Add(out[0], ops.Reshape(other, 1, x.Dim(0), x.Dim(1)))), out[1]}
		}, 1},
		"group norm of samples": {func(x, w, b, _ *ir.Value) []*ir.Value {
			samples := ops.Reshape(x, x.Dim(0), 1, x.Dim(1))
			out := ir.Apply(ops.GroupNormOp{Groups: 1, Axis: 2, Eps: 0.1}, samples, w, b)
			return []*ir.Value{ops.ReLU(out[0])}
		}, 1},
		"step": {func(x, w, b, other *ir.Value) []*ir.Value {
			y, _, _ := ops.BatchNorm(ops.Mul(x, other), w, b, -1, 0.1)
			z := ops.Tanh(ops.Add(y, other))
			return append(grad.Of(ops.Sum(z), x, w, b, other), z)
		}, 0},
	} {
		for _, dims := range [][]int{{7, 5}, {1, 4}, {300, 33}, {4000, 3}} {
			for _, threads := range []int{1, 3} {
				t.Run(fmt.Sprint(name, dims, threads), func(t *testing.T) {
					n := newNet(1)
					x, other := n.input(ir.Arg, 1, dims...), n.input(ir.Arg, 1, dims...)
					w, b := n.input(ir.Arg, 1, dims[1]), n.input(ir.Arg, 1, dims[1])
					n.g.SetOutputs(tc.build(x, w, b, other)...)
					r, err := check(newBackend(t, cpu.WithThreads(threads)), n.g, n.in...)
					if err != nil {
						t.Fatal(err)
					}
					if tc.steps > 0 && r.stats.Steps != tc.steps {
						t.Errorf("%d steps, want %d", r.stats.Steps, tc.steps)
					}
				})
			}
		}
	}
}
