package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/gpt"
)

// grown is gpt of another width and context, with heads of 64 and as many
// tokens in a batch, at least one sequence.
func grown(width, length int) Workload {
	cfg := gpt.Small(256)
	cfg.Width, cfg.Heads, cfg.Hidden, cfg.Context = width, width/64, 4*width, length
	return transformer(fmt.Sprintf("width=%d/context=%d", width, length), max(1, 1024/length), cfg)
}

// BenchmarkGrowth tells how the time for a token and the memory of a training
// step of gpt grow with its width and its context.
func BenchmarkGrowth(b *testing.B) {
	for _, size := range [][2]int{{128, 128}, {256, 128}, {512, 128}, {1024, 128}, {256, 512}, {256, 2048}} {
		w := grown(size[0], size[1])
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
			tokens := s.in[0].Size()
			for b.Loop() {
				if _, err := s.Run(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			seconds := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(seconds*1e6/float64(tokens), "us/token")
			b.ReportMetric(float64(w.Flops)/seconds/1e9, "GFLOP/s")
			b.ReportMetric(float64(arena(b, s))/1e6, "arena-MB")
		})
	}
}

// arena is the memory that a step plans for what is no variable.
func arena(tb testing.TB, s *Step) int64 {
	tb.Helper()
	var types []ir.Type
	for _, x := range s.in {
		types = append(types, ir.Type{DType: x.DType(), Shape: x.Shape()})
	}
	plan, err := s.fn.Plan(types...)
	if err != nil {
		tb.Fatal(err)
	}
	return plan.ArenaBytes
}

// Attention never holds its scores, forward or backward: memory grows as the
// context does.
func TestMemoryGrowsWithContext(t *testing.T) {
	b := cpu.New(cpu.WithThreads(2))
	defer b.Close()
	at := func(length int) int64 {
		s, err := grown(64, length).build(b)
		if err != nil {
			t.Fatal(err)
		}
		return arena(t, s)
	}
	half, whole := at(4096), at(8192)
	t.Logf("%d bytes, with twice the context %d", half, whole)
	if float64(whole) > 2.01*float64(half) {
		t.Errorf("an arena of %d bytes becomes one of %d with twice the context", half, whole)
	}
}
