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
	small := []string{"data.inputs.0.length=64", "data.inputs.0.pack.stride=64", "log.tensorboard=false"}
	for name, c := range map[string]struct {
		recipe string
		set    []string
	}{
		"mnist": {"mnist", nil}, // SGD with Nesterov momentum, weight decay, warm-up, cosine
		"char-gpt": {"char-gpt", append([]string{ // AdamW, batches in pieces, clipped, warm-up, cosine
			"model.width=64", "model.layers=2", "model.heads=2", "model.hidden=256", "strategy.accumulate=4",
			"model.embedding_dropout=0", "model.attention_dropout=0", "model.residual_dropout=0"}, small...)},
		"char-lstm": {"char-lstm", append([]string{"model.width=32", "model.hidden=64", "model.dropout=0"}, small...)}, // Adam, clipped
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "curves", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var want struct{ Losses []float64 }
			if err := json.Unmarshal(text, &want); err != nil || len(want.Losses) != 200 {
				t.Fatalf("%d losses, want 200: %v", len(want.Losses), err)
			}
			if testing.Short() {
				want.Losses = want.Losses[:40]
			}
			r, err := recipe.Read(c.recipe, c.set...)
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
				if e, ok := e.(*train.Stepped); ok {
					if got = append(got, e.Loss); len(got) == len(want.Losses) {
						return train.ErrStop
					}
				}
				return nil
			})
			x.Trainer.Test, x.Trainer.Evaluate.EveryEpochs = nil, nil
			if _, err := x.Trainer.Fit(t.Context()); err != nil {
				t.Fatal(err)
			}
			worst := 0.0
			for i := range want.Losses {
				d := math.Abs(got[i]-want.Losses[i]) / want.Losses[i]
				if worst = max(worst, d); !(d <= 1e-3) {
					t.Fatalf("step %d: loss %v, PyTorch's %v", i+1, got[i], want.Losses[i])
				}
			}
			t.Logf("largest relative distance %.1e", worst)
		})
	}
}
