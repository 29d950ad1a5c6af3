package bench

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/model/charlstm"
	"github.com/gradus-ml/gradus/model/gpt"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/tensor"
)

// Training steps over a thousand random batch sizes and lengths share one set
// of weights and leave no memory behind: neither on Go's heap nor mapped.
func TestLengths(t *testing.T) {
	count := 1000
	if testing.Short() {
		count = 100
	}
	small := gpt.Small(32)
	small.Layers, small.Width, small.Heads, small.Hidden, small.Context = 2, 16, 2, 32, 64
	for name, build := range map[string]func() (module.Forwarder, error){
		"gpt": func() (module.Forwarder, error) { return gpt.New(small) },
		"lstm": func() (module.Forwarder, error) {
			return charlstm.New(charlstm.Config{Vocabulary: 32, Width: 8, Hidden: 16, Layers: 2})
		},
	} {
		t.Run(name, func(t *testing.T) {
			const most = 64
			b := cpu.New(cpu.WithThreads(2))
			defer b.Close()
			model, err := build()
			if err != nil {
				t.Fatal(err)
			}
			s, err := training(b, &flat{model}, optim.DefaultAdam(), 1e-3, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			lr := tensor.Scalar(float32(1e-3))
			run := func(rows, length int) {
				t.Helper()
				x, y := whole("input", 32, rows, length), whole("labels", 32, rows*length)
				if _, err := s.fn.Run(context.Background(), x, y, lr); err != nil {
					t.Fatal(err)
				}
			}
			use := func() (heap, mapped int64) {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return int64(m.HeapAlloc), b.MappedBytes()
			}
			run(4, most)
			for range 30 {
				run(1+r.IntN(4), 1+r.IntN(most))
			}
			keys := len(s.store.Keys())
			heap, mapped := use()
			for range count {
				run(1+r.IntN(4), 1+r.IntN(most))
			}
			heapNow, mappedNow := use()
			t.Logf("heap %d kB, then %d kB; mapped %d kB", heap/1000, heapNow/1000, mapped/1000)
			if heapNow > heap+heap/2 {
				t.Errorf("the heap grew from %d to %d bytes", heap, heapNow)
			}
			if mappedNow != mapped {
				t.Errorf("mapped memory grew from %d to %d bytes", mapped, mappedNow)
			}
			if n := len(s.store.Keys()); n != keys {
				t.Errorf("%d values, then %d", keys, n)
			}
		})
	}
}
