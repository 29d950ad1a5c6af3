package bench

import (
	"context"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
)

// Benchmark times one step of each workload.
func Benchmark(b *testing.B) {
	for _, w := range All() {
		b.Run(w.Name, func(b *testing.B) {
			back := cpu.New(cpu.WithThreads(2))
			defer back.Close()
			s, err := w.build(back)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Run(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Run(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(w.Flops)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
