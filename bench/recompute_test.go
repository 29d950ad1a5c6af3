package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/model/gpt"
	"github.com/gradus-ml/gradus/tensor"
)

// deep is gpt of many layers, with dropout, whose blocks may be computed again.
func deep(batch, layers, width int) Workload {
	cfg := gpt.Small(256)
	cfg.Width, cfg.Hidden = width, 4*width
	cfg.Layers, cfg.EmbeddingDropout, cfg.ResidualDropout = layers, 0.1, 0.1
	return transformer(fmt.Sprintf("gpt-%d", layers), batch, cfg)
}

// BenchmarkRecompute tells what it costs in time to compute blocks again, and
// what it saves in memory. Steps with and without run in turns.
func BenchmarkRecompute(b *testing.B) {
	for _, tc := range []struct {
		w       Workload
		modules []string
	}{
		{deep(8, 12, 256), []string{"transformer.h.*"}},
		{deep(8, 12, 256), []string{"transformer.h.*.mlp"}},
		{ResNet20(), []string{"layer*.*"}},
		{ResNet50(), []string{"layer*.*"}},
	} {
		b.Run(fmt.Sprintf("%s/%s", tc.w.Name, tc.modules[0]), func(b *testing.B) {
			back := cpu.New(cpu.WithThreads(2))
			defer back.Close()
			s, err := tc.w.build(back)
			if err != nil {
				b.Fatal(err)
			}
			again := s.with(extra{})
			again.fn.Recompute(tc.modules...)
			steps := []*Step{s, again}
			var times [2][]float64
			for _, s := range steps {
				if _, err := s.Run(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				for i, s := range steps {
					start := time.Now()
					if _, err := s.Run(context.Background()); err != nil {
						b.Fatal(err)
					}
					times[i] = append(times[i], time.Since(start).Seconds())
				}
			}
			for i := range times {
				slices.Sort(times[i])
			}
			n := len(times[0]) / 2
			b.ReportMetric(times[1][n]/times[0][n], "time-ratio")
			b.ReportMetric(float64(arena(b, s))/1e6, "without-MB")
			b.ReportMetric(float64(arena(b, again))/1e6, "with-MB")
		})
	}
}

// values are all values of a step's store.
func values(t testing.TB, s *exec.Store) map[string]*tensor.Tensor {
	t.Helper()
	all := map[string]*tensor.Tensor{}
	for _, key := range s.Keys() {
		v, err := s.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		all[key] = v
	}
	return all
}

// A step that computes modules again makes the bits of one that keeps their
// inner values, and takes less memory.
func TestRecompute(t *testing.T) {
	for _, tc := range []struct {
		w       Workload
		modules []string
		half    bool    // bfloat16
		most    float64 // arena over that without
	}{
		{deep(2, 8, 64), []string{"transformer.h.*"}, false, 0.3},
		{deep(2, 8, 64), []string{"transformer.h.*"}, true, 0.3},
		{deep(2, 8, 64), []string{"transformer.h.*.mlp", "transformer.h.*.attn"}, false, 0.5},
		{ResNet20(), []string{"layer*.*"}, false, 0.5},
		{LSTM(), []string{"lstm"}, false, 1},
		{CNN(), []string{"*"}, false, 1},
	} {
		for threads := 1; threads <= 3; threads++ {
			t.Run(fmt.Sprintf("%s/%v/threads=%d", tc.w.Name, tc.modules, threads), func(t *testing.T) {
				var want map[string]*tensor.Tensor
				var loss [2]float64
				var bytes [2]int64
				for i, modules := range [][]string{nil, tc.modules} {
					b := cpu.New(cpu.WithThreads(threads))
					defer b.Close()
					s, err := tc.w.build(b)
					if err != nil {
						t.Fatal(err)
					}
					s = s.with(extra{half: tc.half})
					s.fn.Recompute(modules...)
					for range 2 {
						if loss[i], err = s.Run(context.Background()); err != nil {
							t.Fatal(err)
						}
					}
					bytes[i] = arena(t, s)
					got := values(t, s.store)
					if i == 0 {
						want = got
						continue
					}
					for key, v := range want {
						if string(v.Bytes()) != string(got[key].Bytes()) {
							t.Errorf("%s differs", key)
						}
					}
				}
				if loss[0] != loss[1] {
					t.Errorf("loss %v, without %v", loss[1], loss[0])
				}
				t.Logf("arena %.1f MB, without %.1f MB", float64(bytes[1])/1e6, float64(bytes[0])/1e6)
				if r := float64(bytes[1]) / float64(bytes[0]); r > tc.most {
					t.Errorf("arena is %.2f of that without, want at most %v", r, tc.most)
				}
			})
		}
	}
}
