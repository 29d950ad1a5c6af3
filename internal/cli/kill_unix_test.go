//go:build unix

package cli

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/internal/mnisttest"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/train"
)

var kills = flag.Int("kills", 3, "times that TestKilled kills a run")

// everything is a recipe with all that has state: shuffling, augmentation,
// dropout, batches in pieces, a moving average, a guard, a schedule that
// observes, mixing, early stopping.
const everything = `
name: everything
data:
  train: {type: idx, images: digits/train-images-idx3-ubyte, labels: digits/train-labels-idx1-ubyte}
  validation: {share: 0.2}
  test: {source: {type: idx, images: digits/t10k-images-idx3-ubyte, labels: digits/t10k-labels-idx1-ubyte}}
  inputs:
    - {name: image, type: image, column: image, mean: [0.1307], std: [0.3081], augment: [{type: crop, padding: 2}, {type: erase}]}
  targets:
    - {name: label, type: class, column: label}
  batch: 32
  workers: 2
model:
  type: layers
  layers:
    - {type: conv2d, out: 8, kernel: 5, stride: 2}
    - batch_norm
    - relu
    - flatten
    - {type: dropout, p: 0.3}
    - {type: linear, out: 32}
    - relu
    - linear
loss: {type: cross_entropy, label_smoothing: 0.1}
optimizer: {type: adamw, lr: 0.003}
schedule: {type: plateau, patience: 1}
strategy:
  epochs: 12
  accumulate: 2
  clip_norm: 1
  ema: {decay: 0.99, warmup: true}
  guard: {snapshot: 5}
  mixup: 0.2
  cutmix: 1
  early_stop: {patience: 50, restore: true}
evaluate: {every_steps: 11, metrics: [accuracy]}
checkpoint: {every_steps: 3, keep_last: 2, keep_best: 1}
log: {every_steps: 2}
`

// A run that is killed again and again, at moments that nobody chose, and
// resumed each time ends with the bytes of one that was left in peace: weights,
// optimizer, averages, the state of the loop and every line of the metrics.
// With -kills 20 it is what is promised; CI kills a few times.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "digits"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := mnisttest.Write(filepath.Join(dir, "digits"), 1000, 100); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "everything.yaml"), []byte(everything), 0o666); err != nil {
		t.Fatal(err)
	}
	gradus := func(args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Args, cmd.Dir = append([]string{"gradus"}, args...), dir
		return cmd
	}
	began := time.Now()
	if out, err := gradus("train", "everything.yaml", "--run", "whole").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(began)
	s := rng.NewStream(uint64(began.UnixNano()), "kill", 0)
	killed := 0
	for run := 0; killed < *kills; run++ {
		name := "run" + string(rune('a'+run%26))
		next := gradus("train", "everything.yaml", "--run", name, "--overwrite")
		for {
			var out bytes.Buffer
			next.Stdout, next.Stderr = &out, &out
			if err := next.Start(); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- next.Wait() }()
			ended := false
			if killed < *kills {
				select {
				case err := <-done:
					if err != nil {
						t.Fatalf("%v\n%s", err, &out)
					}
					ended = true
				case <-time.After(time.Duration(s.Float64() * float64(whole) / 2)):
					next.Process.Kill()
					<-done
					killed++
				}
			} else if err := <-done; err != nil {
				t.Fatalf("%v\n%s", err, &out)
			} else {
				ended = true
			}
			if ended {
				break
			}
			next = gradus("train", "--resume", name)
			if _, err := os.Stat(filepath.Join(dir, name, train.RecipeFile)); err != nil {
				next = gradus("train", "everything.yaml", "--run", name, "--overwrite") // killed before there was a run
			}
		}
		sameRun(t, filepath.Join(dir, name), filepath.Join(dir, "whole"))
		if t.Failed() {
			t.Logf("after %d kills", killed)
			return
		}
	}
	t.Logf("killed %d times", killed)
}

// sameRun compares what two runs left.
func sameRun(t *testing.T, got, want string) {
	t.Helper()
	for _, file := range []string{"metrics.jsonl", "model/model.safetensors", "model/preprocess.json", "model/config.json"} {
		a, err := os.ReadFile(filepath.Join(got, file))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(want, file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs", file)
		}
	}
	a, _, err := checkpoint.Latest(filepath.Join(got, train.CheckpointsDir))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := checkpoint.Latest(filepath.Join(want, train.CheckpointsDir))
	if err != nil {
		t.Fatal(err)
	}
	if string(a.State) != string(b.State) {
		t.Errorf("state\n%s\nwant\n%s", a.State, b.State)
	}
	values := map[string][]byte{}
	for _, v := range a.Values {
		values[v.Name] = v.Tensor.Bytes()
	}
	if len(a.Values) != len(b.Values) {
		t.Errorf("%d values, want %d", len(a.Values), len(b.Values))
	}
	for _, v := range b.Values {
		if !bytes.Equal(values[v.Name], v.Tensor.Bytes()) {
			t.Errorf("%s differs", v.Name)
		}
	}
}
