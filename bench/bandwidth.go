package bench

import (
	"sync"
	"time"
	"unsafe"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/internal/mapped"
)

// streamBytes is what the threads go through together: four times the largest
// cache that servers of one socket have.
const streamBytes = 1 << 30

// Bandwidth is the rate at which threads read memory and write it in place,
// each a part of a gigabyte, in bytes read and written a second: the best of
// several rounds. One stream that is written where it was read is the pattern
// that moves most; copying, which writes elsewhere, moves half as much, since
// it is reading that bounds both. An optimizer, which writes over three of the
// four streams that it reads, can be compared with it.
func Bandwidth(set *kernel.Set, threads int) (float64, error) {
	mem, err := mapped.New(streamBytes)
	if err != nil {
		return 0, err
	}
	defer mem.Free()
	all := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(mem.Bytes))), streamBytes/4)
	part := len(all) / threads
	round := func(op kernel.VecOp) time.Duration {
		var wg sync.WaitGroup
		start := time.Now()
		for i := range threads {
			wg.Go(func() {
				x := all[i*part : (i+1)*part]
				set.Vec.Run(op, x, x, nil, nil, 1, 0)
			})
		}
		wg.Wait()
		return time.Since(start)
	}
	round(kernel.Fill) // maps the memory
	best := round(kernel.MulS)
	for range 6 {
		best = min(best, round(kernel.MulS))
	}
	return float64(2*4*part*threads) / best.Seconds(), nil
}
