package recipe

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/rng"
)

// several is a model with three inputs and two outputs, trained by two
// optimizers, its embedding from the second epoch on.
const several = `
format: 1
name: several
data:
  train: {type: csv, path: PATH}
  validation: {share: 0.2}
  inputs:
    - {name: note, type: tokens, column: note, length: 8, tokenizer: words}
    - {name: size, type: numeric, columns: [size]}
    - {name: town, type: category, columns: [town], encoding: index}
  targets:
    - {name: kind, type: class, column: kind}
    - {name: price, type: number, columns: [price]}
  batch: 16
model:
  type: layers
  inputs:
    note:
      - {type: embedding, name: words, width: 4}
      - {type: gru, hidden: 4}
      - {type: time_pool, by: last}
    town: [{type: embedding, width: 3}, flatten]
  layers: [{type: linear, out: 8}, relu]
  outputs:
    kind: [linear]
    price: [linear]
loss:
  - {target: kind, type: cross_entropy}
  - {target: price, type: mse, weight: 0.5}
optimizer:
  - {type: adamw, lr: 0.02}
  - {type: sgd, keys: ["outputs.*"], lr: 0.05, momentum: 0.9}
schedule: {type: cosine, warmup: {share: 0.1}}
strategy:
  epochs: 6
  freeze: ["inputs.note.words.*"]
  thaw: [{epoch: 2, keys: ["inputs.note.words.*"]}]
machine: {threads: 2, isa: generic}
`

func TestSeveralInputsAndOutputs(t *testing.T) {
	r := rng.NewStream(1, "test", 0)
	var rows strings.Builder
	rows.WriteString("note,size,town,kind,price\n")
	for range 200 {
		size, town, old := r.Float64(), r.IntN(3), r.IntN(2)
		note := []string{"a bright and new flat", "an old one"}[old]
		price := 2*size + float64(town) - float64(old)
		fmt.Fprintf(&rows, "%s,%.3f,%s,%s,%.3f\n", note, size, []string{"Ulm", "Bonn", "Jena"}[town], []string{"cheap", "dear"}[min(1, max(0, int(math.Ceil(price-1))))], price)
	}
	path := filepath.Join(t.TempDir(), "flats.csv")
	if err := os.WriteFile(path, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	recipe, err := Parse([]byte(strings.Replace(several, "PATH", path, 1)), "several.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	x, err := recipe.Open(context.Background(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if p := x.Network.Inputs[0].Padding; p == nil || *p != 0 {
		t.Errorf("the model knows of the padding %v, want 0", p)
	}
	before, err := x.Trainer.Store.Get("inputs.note.words.weight")
	if err != nil {
		t.Fatal(err)
	}
	first, err := x.Trainer.Fit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	after, err := x.Trainer.Store.Get("inputs.note.words.weight")
	if err != nil {
		t.Fatal(err)
	}
	if string(before.Bytes()) == string(after.Bytes()) {
		t.Error("the embedding was never thawed")
	}
	if !(first.Validation.Loss < 0.6) {
		t.Errorf("validation %+v", first.Validation)
	}
	for _, key := range []string{"optim.step", "optim.step.2"} {
		if _, err := x.Trainer.Store.Get(key); err != nil {
			t.Error(err)
		}
	}
}

// What only the data show is told with its line in the recipe.
func TestLocate(t *testing.T) {
	dir := t.TempDir()
	data, name := filepath.Join(dir, "rows.csv"), filepath.Join(dir, "my.yaml")
	text := `
format: 1
data:
  train: {type: csv, path: PATH}
  inputs: [{name: size, type: numeric, columns: [size]}]
  targets: [{name: kind, type: class, column: kind}]
model:
  type: layers
  layers:
    - {type: linear, out: 8}
    - {type: conv2d, out: 3, kernel: 3}
    - linear
loss: cross_entropy
optimizer: adamw
strategy: {epochs: 1}
machine: {threads: 1, isa: generic}
`
	for path, content := range map[string]string{data: "size,kind\n1,a\n2,b\n", name: strings.Replace(text, "PATH", data, 1)} {
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	for _, tc := range []struct{ set, want string }{
		{"seed=2", name + ":11:7: model.layers.1: conv2d: wants images [B C Y X], got f32[B 8]"},
		{"model.layers=[{type: linear, out: 3}]", "model.layers=[{type: linear, out: 3}]: model: the last layer gives f32[B 3], and the target kind wants 2 values"},
	} {
		r, err := Read(name, tc.set)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Open(context.Background(), files)
		if got := Locate(err, name, tc.set); got == nil || !strings.Contains(got.Error(), tc.want) {
			t.Errorf("%s: error %v\nwant %s", tc.set, got, tc.want)
		}
	}
}
