package bench

import (
	"sync"
	"time"
)

// copyBytes is what each thread copies: far more than its share of any cache.
const copyBytes = 64 << 20

// Bandwidth is the rate at which threads copy memory, in bytes read and
// written a second: the best of several rounds.
func Bandwidth(threads int) float64 {
	type buffers struct{ from, to []byte }
	all := make([]buffers, threads)
	round := func() time.Duration {
		var wg sync.WaitGroup
		start := time.Now()
		for i := range all {
			wg.Go(func() {
				if all[i].from == nil {
					all[i] = buffers{make([]byte, copyBytes), make([]byte, copyBytes)}
					for j := 0; j < copyBytes; j += 4096 {
						all[i].from[j] = 1 // pages of its own, not the shared zero page
					}
				}
				copy(all[i].to, all[i].from)
			})
		}
		wg.Wait()
		return time.Since(start)
	}
	round() // maps the memory
	best := round()
	for range 6 {
		best = min(best, round())
	}
	return float64(threads) * 2 * copyBytes / best.Seconds()
}
