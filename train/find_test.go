package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/train"
)

// all is every value of a trainer's store.
func all(t *testing.T, tr *train.Trainer) map[string][]byte {
	t.Helper()
	values := map[string][]byte{}
	for _, key := range tr.Store.Keys() {
		v, err := tr.Store.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		values[key] = v.Bytes()
	}
	return values
}

// The search for a rate ends where the losses leave the range, chooses one
// within it, and leaves no trace: a run after it has the bytes of one without.
func TestFindRate(t *testing.T) {
	for name, set := range map[string]func(*train.Trainer){
		"plain":      func(*train.Trainer) {},
		"everything": everything,
		"float16":    func(tr *train.Trainer) { tr.Strategy.Precision = train.Float16 },
	} {
		tr, other := newTrainer(t, 1, 2), newTrainer(t, 1, 2)
		set(tr)
		set(other)
		before := all(t, tr)
		steps, rates := 0, train.DefaultRateFinder()
		rates.Max = 100
		tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
			if _, ok := e.(*train.Stepped); ok {
				steps++
			}
			return nil
		})
		found, err := tr.FindRate(t.Context(), rates)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n := len(found.Tried)
		if steps < n || n < 60 || n > 100 {
			t.Errorf("%s: %d steps, %d losses", name, steps, n)
		}
		m := 0.0
		for i, trial := range found.Tried {
			m = 0.98*m + 0.02*trial.Loss
			if want := m / (1 - math.Pow(0.98, float64(i+1))); math.Abs(trial.Mean-want) > 1e-9 {
				t.Fatalf("%s: mean %d is %v, want %v", name, i, trial.Mean, want)
			}
			if want := math.Pow(10, -8+10*float64(i)/99); math.Abs(trial.Rate/want-1) > 1e-9 {
				t.Fatalf("%s: rate %d is %v, want %v", name, i, trial.Rate, want)
			}
		}
		if best := found.Tried[found.Best].Rate; best < 1e-4 || best > 1 {
			t.Errorf("%s: the best rate is %v", name, best)
		}
		after := all(t, tr)
		for key := range before {
			if string(after[key]) != string(before[key]) {
				t.Errorf("%s: %s has changed", name, key)
			}
		}
		_, err = tr.Fit(t.Context())
		_, err2 := other.Fit(t.Context())
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		same(t, name, all(t, tr), all(t, other))
	}
}

func TestFindRateRefuses(t *testing.T) {
	tr := newTrainer(t, 1, 2)
	for _, c := range []struct {
		change func(*train.RateFinder)
		want   string
	}{
		{func(cfg *train.RateFinder) { cfg.Min, cfg.Stop = 0, 1 }, "0 < min < max"},
		{func(cfg *train.RateFinder) { cfg.Steps = 12 }, "steps must be in 13.."},
		{func(cfg *train.RateFinder) { cfg.Min, cfg.Max = 1e20, 1e30 }, "begin lower"},
	} {
		cfg := train.DefaultRateFinder()
		c.change(&cfg)
		if _, err := tr.FindRate(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	before := all(t, tr)
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		if e, ok := e.(*train.Stepped); ok && e.Step == 50 {
			cancel()
		}
		return nil
	})
	if _, err := tr.FindRate(ctx, train.DefaultRateFinder()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	for key, v := range all(t, tr) {
		if b, ok := before[key]; ok && string(v) != string(b) {
			t.Errorf("%s has changed", key)
		}
	}
}

// Batches double until the data or the memory ends, or it is no longer worth it;
// a larger batch takes more memory.
func TestFindBatch(t *testing.T) {
	for name, set := range map[string]func(*train.Trainer){
		"plain":  func(*train.Trainer) {},
		"pieces": func(tr *train.Trainer) { tr.Strategy.Accumulate, tr.Strategy.Mixup = 4, new(0.2) },
	} {
		tr := newTrainer(t, 1, 2)
		set(tr)
		before := all(t, tr)
		feeds := func(n int) (data.Feed, error) {
			return feed(t, examples, "train", data.LoaderConfig{Batch: n, Shuffle: true}), nil
		}
		cfg := train.DefaultBatchFinder(16)
		cfg.Seconds, cfg.Gain = 0.01, 0
		found, err := tr.FindBatch(t.Context(), cfg, feeds)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range found.Tried {
			if b.Batch != 16<<i || !(b.PerSecond > 0) || i > 0 && b.Bytes <= found.Tried[i-1].Bytes {
				t.Errorf("%s: trial %d is %+v", name, i, b)
			}
		}
		n := len(found.Tried)
		ends := []string{"the data does not fill a batch of 512", fmt.Sprintf("batches of %d are no faster", 16<<(n-1))}
		if n < 2 || !slices.Contains(ends, found.End) || found.Best != n-1 && found.Best != n-2 {
			t.Errorf("%s: %+v", name, found)
		}
		cfg.Bytes = new(found.Tried[1].Bytes - 1)
		if found, err = tr.FindBatch(t.Context(), cfg, feeds); err != nil || len(found.Tried) != 1 || found.Best != 0 || !strings.Contains(found.End, "batches of 32 take") {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
		cfg.Bytes = new(int64(1))
		if _, err := tr.FindBatch(t.Context(), cfg, feeds); err == nil || !strings.Contains(err.Error(), "batches of 16 take") {
			t.Errorf("%s: error %v", name, err)
		}
		for key, v := range all(t, tr) {
			if b, ok := before[key]; ok && string(v) != string(b) {
				t.Errorf("%s: %s has changed", name, key)
			}
		}
	}
	tr := newTrainer(t, 1, 2)
	if _, err := tr.FindBatch(t.Context(), train.BatchFinder{Gain: -1, Seconds: -1}, nil); err == nil || strings.Count(err.Error(), "must") != 3 {
		t.Errorf("error %v", err)
	}
}
