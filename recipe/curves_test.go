package recipe_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/train"
)

// A run has the losses of PyTorch's from the same weights and batches, step for
// step: testdata/curves, made by tools/curves.
func TestCurves(t *testing.T) {
	for name, set := range curves {
		t.Run(name, func(t *testing.T) {
			want := golden(t, name)
			got := losses(t, len(want), name, set...)
			worst := 0.0
			for i := range want {
				d := math.Abs(got[i]-want[i]) / want[i]
				if worst = max(worst, d); !(d <= 1e-3) {
					t.Fatalf("step %d: loss %v, PyTorch's %v", i+1, got[i], want[i])
				}
			}
			t.Logf("largest relative distance %.1e", worst)
		})
	}
}

// A run in 16 bits follows that in float32 as closely as one of PyTorch's
// autocast does, in float16 with its GradScaler. The distance of two curves is
// that of their losses, step by step. Of rounding that differs in its details
// only, the mean distance should agree to a quarter and the largest to a half.
func TestCurvesIn16Bits(t *testing.T) {
	const name = "mnist"
	full := losses(t, len(golden(t, name)), name, curves[name]...)
	for _, tc := range []struct{ precision, reference string }{
		{"bfloat16", "mnist"},
		{"float16", "mnist-cuda"}, // both PyTorch's on a GPU
	} {
		t.Run(tc.precision, func(t *testing.T) {
			want, reference := golden(t, name+"-"+tc.precision), golden(t, tc.reference)
			got := losses(t, len(want), name, append([]string{"strategy.precision=" + tc.precision}, curves[name]...)...)
			mean, largest := distance(got, full)
			wantMean, wantLargest := distance(want, reference)
			t.Logf("%.2g off float32 in the mean and %.2g at most, in PyTorch %.2g and %.2g", mean, largest, wantMean, wantLargest)
			if mean > 1.25*wantMean || largest > 1.5*wantLargest {
				t.Errorf("%v off float32 in the mean and %v at most, in PyTorch %v and %v", mean, largest, wantMean, wantLargest)
			}
			if mean == 0 {
				t.Error("both curves are one: nothing was computed in 16 bits")
			}
		})
	}
}

// curves are the settings that testdata/curves was made with, besides those of
// the recipe.
var curves = map[string][]string{
	// SGD with Nesterov momentum, weight decay, warm-up, cosine. At the recipe's
	// rate, 25 times this, rounding alone grows to more: PyTorch's own curves in
	// float32 and float64 part by 4e-3 within 60 steps.
	"mnist": {"optimizer.lr=0.002", "schedule={type: cosine, warmup: {share: 0.1}}", "strategy.epochs=5", "strategy.ema=null",
		"data.inputs.0.augment=[]"},
	// AdamW, batches in pieces, clipped, warm-up, cosine.
	"char-gpt": {"model.width=64", "model.layers=2", "model.heads=2", "model.hidden=256", "strategy.accumulate=4",
		"model.embedding_dropout=0", "model.attention_dropout=0", "model.residual_dropout=0",
		"data.inputs.0.length=64", "data.inputs.0.pack.stride=64"},
	// Adam, clipped.
	"char-lstm": {"model.width=32", "model.hidden=64", "model.dropout=0",
		"data.inputs.0.length=64", "data.inputs.0.pack.stride=64"},
}

// golden is a curve of PyTorch's; tests that are to be short get its start.
func golden(t *testing.T, name string) []float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "curves", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Losses []float64 }
	if err := json.Unmarshal(text, &f); err != nil || len(f.Losses) != 200 {
		t.Fatalf("%s: %d losses, want 200: %v", name, len(f.Losses), err)
	}
	if testing.Short() {
		return f.Losses[:40]
	}
	return f.Losses
}

// losses are those of the first steps of a run.
func losses(t *testing.T, steps int, name string, set ...string) (got []float64) {
	t.Helper()
	r, err := recipe.Read(name, append([]string{"log.tensorboard=false"}, set...)...)
	if err != nil {
		t.Fatal(err)
	}
	x, err := r.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	x.Trainer.Callbacks = append(x.Trainer.Callbacks, func(e train.Event) error {
		if e, ok := e.(*train.Stepped); ok {
			if got = append(got, e.Loss); len(got) == steps {
				return train.ErrStop
			}
		}
		return nil
	})
	x.Trainer.Test, x.Trainer.Evaluate.EveryEpochs = nil, nil
	if _, err := x.Trainer.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got) != steps {
		t.Fatalf("%d steps, want %d", len(got), steps)
	}
	return got
}

// distance is the mean and the largest difference of two curves.
func distance(a, b []float64) (mean, largest float64) {
	for i := range a {
		d := math.Abs(a[i] - b[i])
		mean += d / float64(len(a))
		largest = max(largest, d)
	}
	return mean, largest
}

// A step of recipes at full size, without what is done once a run. The first
// steps, which compile the graph and fill caches, are left out.
func BenchmarkStep(b *testing.B) {
	for _, name := range []string{"char-lstm", "char-gpt"} {
		b.Run(name, func(b *testing.B) {
			r, err := recipe.Read(name)
			if err != nil {
				b.Fatal(err)
			}
			x, err := r.Open(b.Context(), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer x.Close()
			const warm = 5
			x.Trainer.Evaluate.EveryEpochs = nil
			x.Trainer.Callbacks = append(x.Trainer.Callbacks, func(e train.Event) error {
				if e, ok := e.(*train.Stepped); ok {
					switch e.Step {
					case warm:
						b.ResetTimer()
					case warm + b.N:
						b.StopTimer()
						return train.ErrStop
					}
				}
				return nil
			})
			if _, err := x.Trainer.Fit(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// A language model that is trained without ever having all logits has the losses
// of one that has, in training and validation, whatever else goes on.
func TestChunk(t *testing.T) {
	small := append(curves["char-gpt"], "model.layers=1", "data.batch=8", "strategy.accumulate=2", "evaluate.every_epochs=null", "evaluate.every_steps=4",
		"evaluate.metrics=[]", "checkpoint.metric=null", "checkpoint.maximize=false", "data.validation.share=0.001", "data.pad=null")
	run := func(set ...string) []float64 {
		r, err := recipe.Read("char-gpt", append(append([]string{"log.tensorboard=false", "strategy.epochs=null", "strategy.steps=4"}, small...), set...)...)
		if err != nil {
			t.Fatal(err)
		}
		x, err := r.Open(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		var got []float64
		x.Trainer.Callbacks = append(x.Trainer.Callbacks, func(e train.Event) error {
			switch e := e.(type) {
			case *train.Stepped:
				got = append(got, e.Loss)
			case *train.Scored:
				got = append(got, e.Score.Value("loss"))
			}
			return nil
		})
		if _, err := x.Trainer.Fit(t.Context()); err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, precision := range []string{"float32", "bfloat16"} {
		want := run("strategy.precision=" + precision)
		got := run("strategy.precision="+precision, "loss={type: cross_entropy, chunk: 50}")
		limit := 1e-5
		if precision != "float32" {
			limit = 1e-3 // gradients of chunks are added in float32, that of the batch is rounded once
		}
		if len(want) != 6 || len(got) != 6 {
			t.Fatalf("%d and %d losses, want those of 4 steps, of the validation behind them, and at the end", len(want), len(got))
		}
		for i := range want {
			if d := math.Abs(got[i]-want[i]) / want[i]; !(d <= limit) {
				t.Errorf("%s, loss %d: %v by chunk, %v as a whole", precision, i, got[i], want[i])
			}
		}
	}
}
