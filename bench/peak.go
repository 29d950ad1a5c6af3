package bench

import (
	"sync"
	"time"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
)

// How long a round of Peak takes, and how many there are.
const (
	peakRound  = 10 * time.Millisecond
	peakRounds = 5
)

// Peak is the rate, in operations a second, at which threads run multiply-adds
// that read and write registers alone: the best of several rounds. Nothing
// that multiplies with the set's instructions is faster.
func Peak(set *kernel.Set, threads int) float64 {
	round := func(steps int) (rate float64, took time.Duration) {
		var wg sync.WaitGroup
		adds := make([]int, threads)
		start := time.Now()
		for i := range adds {
			wg.Go(func() { adds[i] = set.Peak(steps) })
		}
		wg.Wait()
		took = time.Since(start)
		for _, n := range adds {
			rate += 2 * float64(n)
		}
		return rate / took.Seconds(), took
	}
	steps := 1000
	best, took := round(steps)
	for took < peakRound/2 {
		steps *= 2
		best, took = round(steps)
	}
	for range peakRounds {
		rate, _ := round(steps)
		best = max(best, rate)
	}
	return best
}
