package cpu_test

import (
	"math"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Columns of wide rows are added from the first row to the last, in no memory but
// that of operand and result.
func TestWideColumns(t *testing.T) {
	for _, rows := range []int{1, 2, 3, 4, 9} {
		for _, cols := range []int{8192, 8193, 10240, 30001} {
			for _, outer := range []int{1, 3} {
				n := newNet(9)
				x := n.input(ir.Arg, 1, outer, rows, cols)
				n.g.SetOutputs(ops.Sum(x, 1), ops.Amax(x, 1))
				for _, set := range sets() {
					for _, threads := range []int{1, 3} {
						got, err := run(newBackend(t, cpu.WithSet(set), cpu.WithThreads(threads)), n.g, n.in...)
						if err != nil {
							t.Fatal(err)
						}
						in, sums, most := n.in[0].F32(), got.outputs[0].F32(), got.outputs[1].F32()
						for i := range sums {
							o, c := i/cols, i%cols
							sum := in[o*rows*cols+c]
							largest := sum
							for r := 1; r < rows; r++ {
								v := in[(o*rows+r)*cols+c]
								sum += v
								largest = max(largest, v)
							}
							if cols > 8192 && math.Float32bits(sums[i]) != math.Float32bits(sum) || most[i] != largest {
								t.Fatalf("%s, %d threads, column %d of %d x %d x %d: sum %v, want %v; largest %v, want %v", set.Name, threads, i, outer, rows, cols, sums[i], sum, most[i], largest)
							}
						}
						if need := 4 * outer * (rows + 2) * cols; cols > 8192 && got.stats.ArenaBytes > int64(need)+4096 {
							t.Errorf("%d x %d x %d: an arena of %d bytes, want %d", outer, rows, cols, got.stats.ArenaBytes, need)
						}
					}
				}
			}
		}
	}
}
