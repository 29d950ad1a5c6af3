package recipe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/internal/mnisttest"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/train"
)

const trainImages, testImages, batch = 300, 100, 64

// smallRecipe trains on few real images: 5 steps an epoch, the last of 44.
func smallRecipe(t *testing.T, epochs int) recipe.MNIST {
	t.Helper()
	dir := t.TempDir()
	if err := mnisttest.Write(dir, trainImages, testImages); err != nil {
		t.Fatal(err)
	}
	r := recipe.DefaultMNIST(recipe.ThisMachine())
	r.Machine.Threads = 2
	r.Data.Dir, r.Data.Batch, r.Data.TestBatch, r.Epochs, r.LogEvery = &dir, batch, 64, epochs, 2
	return r
}

// recorded makes the trainer of a recipe with a run folder.
func recorded(t *testing.T, r recipe.MNIST) (*train.Trainer, *runlog.Run) {
	t.Helper()
	tr, err := r.Trainer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Store.Close() })
	run, err := runlog.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { run.Close() })
	rec := &train.Recorder{Run: run, Store: tr.Store, Config: func(w io.Writer) error { return recipe.WriteConfig(w, r.Model) }, Title: "small", LogEvery: r.LogEvery}
	tr.Callbacks = append(tr.Callbacks, rec.Handle)
	return tr, run
}

// name describes an event in a word.
func name(e train.Event) string {
	switch e := e.(type) {
	case *train.Started:
		return fmt.Sprintf("started %d %d", e.Epochs, e.StepsPerEpoch)
	case *train.Stepped:
		return fmt.Sprintf("step %d %d %d %v", e.Step, e.Epoch, e.Samples, e.Last)
	case *train.Scored:
		return fmt.Sprintf("%s %d %d %d", e.Split, e.Step, e.Epoch, e.Samples)
	case *train.Ended:
		return fmt.Sprintf("ended %d %v", e.Step, e.Err)
	}
	return "unknown"
}

func TestEvents(t *testing.T) {
	tr, _ := recorded(t, smallRecipe(t, 2))
	var got []string
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		got = append(got, name(e))
		return nil
	})
	if _, err := tr.Fit(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"started 2 5",
		"step 1 1 64 false", "step 2 1 64 false", "step 3 1 64 false", "step 4 1 64 false", "step 5 1 44 true",
		"train 5 1 300", "test 5 1 100",
		"step 6 2 64 false", "step 7 2 64 false", "step 8 2 64 false", "step 9 2 64 false", "step 10 2 44 true",
		"train 10 2 300", "test 10 2 100",
		"ended 10 <nil>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLearnsAndRecords(t *testing.T) {
	tr, run := recorded(t, smallRecipe(t, 8))
	before, err := tr.Evaluate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	score, err := tr.Fit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !(score.Accuracy > 0.7 && score.Loss < before.Loss/2) {
		t.Errorf("score %+v, before training %+v", score, before)
	}
	if again, err := tr.Evaluate(context.Background()); err != nil || again != score {
		t.Errorf("Evaluate gives %+v, %v after Fit gave %+v", again, err, score)
	}
	records, err := runlog.ReadMetrics(run.Path(runlog.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	// Steps 2, 4 and 5 of the first epoch, then its test.
	for i, want := range []string{"2 train", "4 train", "5 train", "5 test", "6 train"} {
		if got := fmt.Sprint(records[i].Step, " ", records[i].Split); got != want {
			t.Errorf("record %d is %s, want %s", i, got, want)
		}
	}
	last := records[len(records)-1]
	if v, _ := last.Value("accuracy"); last.Split != "test" || v != score.Accuracy {
		t.Errorf("the last record is %+v, want a test of accuracy %v", last, score.Accuracy)
	}
	if _, err := os.Stat(run.Path(runlog.CurvesFile)); err != nil {
		t.Error(err)
	}
}

func TestCancelKeepsTheModel(t *testing.T) {
	tr, run := recorded(t, smallRecipe(t, 3))
	ctx, cancel := context.WithCancel(context.Background())
	var ended *train.Ended
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		switch e := e.(type) {
		case *train.Stepped:
			if e.Step == 7 {
				cancel()
			}
		case *train.Ended:
			ended = e
		}
		return nil
	})
	if _, err := tr.Fit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	if ended == nil || ended.Step != 7 || !errors.Is(ended.Err, context.Canceled) {
		t.Errorf("ended %+v", ended)
	}
	now, err := tr.Evaluate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	weight, err := tr.Store.Get("conv1.weight")
	if err != nil {
		t.Fatal(err)
	}
	clear(weight.F32())
	if err := tr.Store.Set("conv1.weight", weight); err != nil {
		t.Fatal(err)
	}
	if err := train.LoadModel(run.Path(train.WeightsFile), tr.Store); err != nil {
		t.Fatal(err)
	}
	if loaded, err := tr.Evaluate(context.Background()); err != nil || loaded != now {
		t.Errorf("the saved model scores %+v, %v, the interrupted one %+v", loaded, err, now)
	}
}

func TestCallbacksEndARun(t *testing.T) {
	for _, c := range []struct{ returned, want error }{{train.ErrStop, nil}, {os.ErrInvalid, os.ErrInvalid}} {
		tr, _ := recorded(t, smallRecipe(t, 3))
		steps := 0
		tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
			if e, ok := e.(*train.Stepped); ok {
				if steps = e.Step; e.Step == 3 {
					return c.returned
				}
			}
			return nil
		})
		if _, err := tr.Fit(context.Background()); !errors.Is(err, c.want) {
			t.Errorf("callback returns %v: Fit returns %v, want %v", c.returned, err, c.want)
		}
		if steps != 3 {
			t.Errorf("callback returns %v: %d steps, want 3", c.returned, steps)
		}
	}
}

func TestLossThatIsNoNumber(t *testing.T) {
	r := smallRecipe(t, 3)
	r.Optimizer.LR, r.Schedule.Warmup = 1e30, nil
	tr, run := recorded(t, r)
	_, err := tr.Fit(context.Background())
	if err == nil || !strings.Contains(err.Error(), "loss is") || !strings.Contains(err.Error(), "of epoch 1") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(run.Path(train.WeightsFile)); !os.IsNotExist(err) {
		t.Errorf("a model without a full epoch is there: %v", err)
	}
}

// The number of threads, and doing it twice, change no byte of the model.
func TestSameBytes(t *testing.T) {
	r := smallRecipe(t, 1)
	var first []byte
	for _, threads := range []int{1, 2, 3, 5, 8, 1} {
		r.Machine.Threads = threads
		tr, run := recorded(t, r)
		if _, err := tr.Fit(context.Background()); err != nil {
			t.Fatal(err)
		}
		model, err := os.ReadFile(run.Path(train.WeightsFile))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = model
		} else if !slices.Equal(model, first) {
			t.Errorf("%d threads write another model than 1", threads)
		}
	}
	r.Seed++
	tr, run := recorded(t, r)
	if _, err := tr.Fit(context.Background()); err != nil {
		t.Fatal(err)
	}
	if model, err := os.ReadFile(run.Path(train.WeightsFile)); err != nil || slices.Equal(model, first) {
		t.Errorf("another seed writes the same model (%v)", err)
	}
}

func TestLoadModelRefuses(t *testing.T) {
	r := smallRecipe(t, 1)
	tr, run := recorded(t, r)
	if _, err := tr.Fit(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.Model.Hidden = 100
	other, _ := recorded(t, r)
	before, err := other.Evaluate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := train.LoadModel(run.Path(train.WeightsFile), other.Store); err == nil || !strings.Contains(err.Error(), "fc1.weight") {
		t.Errorf("weights of another width: %v", err)
	}
	if err := train.LoadModel(filepath.Join(t.TempDir(), "none"), other.Store); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if after, err := other.Evaluate(context.Background()); err != nil || after != before {
		t.Errorf("refused files changed the model: %+v, %v, before %+v", after, err, before)
	}
}

// The losses of the first steps on the real data stay what they are: a change
// that must not alter numbers shows the same curve. Instruction sets differ by
// 1e-7 after 20 steps.
func TestPinnedLosses(t *testing.T) {
	text, err := os.ReadFile("testdata/mnist_losses.json")
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	if err := json.Unmarshal(text, &want); err != nil || len(want) != 20 {
		t.Fatalf("%d losses, want 20: %v", len(want), err)
	}
	tr, err := recipe.DefaultMNIST(recipe.ThisMachine()).Trainer()
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Store.Close()
	var got []float64
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		if e, ok := e.(*train.Stepped); ok {
			if got = append(got, e.Loss); len(got) == len(want) {
				return train.ErrStop
			}
		}
		return nil
	})
	if _, err := tr.Fit(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if d := math.Abs(got[i] - want[i]); !(d <= 1e-5*want[i]) {
			t.Errorf("step %d: loss %v, pinned %v; all: %v", i+1, got[i], want[i], got)
			break
		}
	}
}

// One epoch of the real data goes most of the way to the 99 % of five.
func TestMNIST(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for some ten seconds")
	}
	r := recipe.DefaultMNIST(recipe.ThisMachine())
	r.Epochs = 1
	tr, err := r.Trainer()
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Store.Close()
	score, err := tr.Fit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", score)
	if score.Samples != 10000 || score.Accuracy < 0.98 {
		t.Errorf("score %+v, want an accuracy of at least 0.98 on 10000 images", score)
	}
}
