package train_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/model/gpt"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// newGPT trains a small transformer with dropout on random tokens.
func newGPT(t *testing.T) *train.Trainer {
	t.Helper()
	cfg := gpt.Small(11)
	cfg.Context, cfg.Layers, cfg.Width, cfg.Heads, cfg.Hidden, cfg.ResidualDropout = 8, 2, 16, 2, 32, 0.1
	model, err := gpt.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	tr := newTrainer(t, 2, 2)
	if tr.Store, err = exec.NewStore(cpu.New(cpu.WithThreads(2)), model, exec.Seed(1)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Store.Close() })
	x, y := tensor.New(dtype.Int64, shape.Of(10, 8)), tensor.New(dtype.Int64, shape.Of(10, 8))
	s := rng.NewStream(7, "tokens", 0)
	for i := range x.Size() {
		x.SetInt(i, int64(s.Uint64()%11))
		y.SetInt(i, int64(s.Uint64()%11))
	}
	set, err := data.Tensors(x, y)
	if err != nil {
		t.Fatal(err)
	}
	tr.Forward, tr.Validation, tr.Test = train.Single(model), nil, nil
	tr.Heads[0].ClassesLast = true // which no batch is judged by
	if tr.Train, err = data.NewLoader(set, data.LoaderConfig{Batch: 4, Shuffle: true}); err != nil {
		t.Fatal(err)
	}
	return tr
}

// Blocks that are computed again in the backward pass change no bit, whole or
// in pieces; a pattern that fits nothing is found before anything runs.
func TestRecompute(t *testing.T) {
	for _, pieces := range []int{1, 2} {
		var want map[string][]byte
		for _, modules := range [][]string{nil, {"transformer.h.*"}, {"*.attn", "*.mlp"}} {
			tr := newGPT(t)
			tr.Strategy.Accumulate, tr.Strategy.Recompute = pieces, modules
			dir := start(t, tr, checkpoint.DefaultConfig())
			if _, err := tr.Fit(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := files(t, dir)
			if want == nil {
				want = got
			}
			same(t, fmt.Sprintf("%d pieces, %v", pieces, modules), got, want)
		}
	}
	tr := newGPT(t)
	tr.Strategy.Recompute = []string{"transformer.g.*"}
	if err := tr.Check(); err == nil || !strings.Contains(err.Error(), `strategy.recompute: "transformer.g.*" fits no key`) {
		t.Errorf("error %v", err)
	}
}
