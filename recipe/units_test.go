package recipe_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/recipe"
)

// Metrics of a scaled target are in its own unit: those of a model that gives 0,
// the mean of the training rows, are its deviation and mean distance.
func TestMetricsInUnits(t *testing.T) {
	dir := t.TempDir()
	rows := "x,y\n" + strings.Repeat("1,1000\n1,3000\n", 20)
	if err := os.WriteFile(filepath.Join(dir, "rows.csv"), []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	text := `format: 1
name: units
data:
  train: {type: csv, path: ` + filepath.Join(dir, "rows.csv") + `}
  inputs: [{name: x, type: numeric, columns: [x], scale: none}]
  targets: [{name: y, type: number, columns: [y]}]
  batch: 10
model: {type: layers, layers: [{type: linear, bias: false}]}
loss: mse
optimizer: sgd
strategy: {epochs: 1}
evaluate: {metrics: [mae, rmse]}
`
	r, err := recipe.Parse([]byte(text), "units.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	x, err := r.Open(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for _, key := range x.Trainer.Store.Model() {
		w, err := x.Trainer.Store.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		for i := range w.Size() {
			w.SetFloat(i, 0)
		}
		if err := x.Trainer.Store.Set(key, w); err != nil {
			t.Fatal(err)
		}
	}
	score, err := x.Trainer.Score(t.Context(), "train", x.Trainer.Train)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range score.Values {
		want := 1000.0
		if m.Name == "loss" {
			want = 1 // of scaled numbers
		}
		if math.Abs(m.Value-want) > 1e-3*want {
			t.Errorf("%s is %v, want %v", m.Name, m.Value, want)
		}
	}
	if len(score.Values) != 3 {
		t.Errorf("values %v", score.Values)
	}
}
