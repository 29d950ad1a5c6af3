package kernel

import (
	"fmt"
	"testing"
)

func TestPeak(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for _, steps := range []int{0, 1, 2, 1000, maxSteps, maxSteps + 1, 3*maxSteps + 7} {
			if got, want := set.Peak(steps), steps*set.Tile.Rows*set.Tile.Cols; got != want {
				t.Errorf("%d multiply-adds in %d steps, want %d", got, steps, want)
			}
		}
	})
}

// BenchmarkPeak is the rate that BenchmarkGemm is held against.
func BenchmarkPeak(b *testing.B) {
	for _, set := range Sets() {
		if !set.Available {
			continue
		}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d", set.Name, workers), func(b *testing.B) {
				const chunks, steps = 8, 4 * maxSteps
				phases := []Phase{{Chunks: chunks, Run: func(_, _ int) { set.Peak(steps) }}}
				measure(b, workers, phases, 2*chunks*float64(set.Peak(steps)))
			})
		}
	}
}
