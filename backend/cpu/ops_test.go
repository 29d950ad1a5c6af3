package cpu_test

import (
	"fmt"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/tensor"
)

// Every op agrees with the interpreter on every instruction set and number of
// threads.
func TestOps(t *testing.T) {
	counts := []int{1, 2, 3}
	if testing.Short() {
		counts = []int{3}
	}
	for _, set := range sets() {
		for _, threads := range counts {
			t.Run(fmt.Sprintf("%s/%d", set.Name, threads), func(t *testing.T) {
				b := newBackend(t, cpu.WithSet(set), cpu.WithThreads(threads))
				optest.RunAll(t, func(g *ir.Graph, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
					r, err := run(b, g, in...)
					if err != nil {
						return nil, err
					}
					return r.outputs, nil
				})
			})
		}
	}
}
