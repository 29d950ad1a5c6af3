package train_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/train"
)

// The loss of training has the penalty, whole or in pieces; that of an evaluation
// doesn't. L1 makes weights small that nothing holds.
func TestPenalties(t *testing.T) {
	first := func(set func(s *train.Strategy)) (loss, validation float64) {
		tr := newTrainer(t, 1, 2)
		rate := optim.DefaultSGD()
		rate.LR = 0
		tr.Optimizers = []optim.Part{{Config: rate}}
		set(&tr.Strategy)
		tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
			if e, ok := e.(*train.Stepped); ok && e.Step == 1 {
				loss = e.Loss
			}
			return nil
		})
		result, err := tr.Fit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return loss, result.Validation.Loss
	}
	tr := newTrainer(t, 1, 2)
	var l1, l2 float64
	for _, p := range tr.Store.Params() {
		w, err := tr.Store.Get(p.Key)
		if err != nil {
			t.Fatal(err)
		}
		for i := range w.Size() {
			l2 += w.Float(i) * w.Float(i)
			if strings.HasPrefix(p.Key, "fc1.") {
				l1 += math.Abs(w.Float(i))
			}
		}
	}
	want := 0.01*l1 + 0.02*l2
	penalties := []train.Penalty{{Keys: []string{"fc1.*"}, L1: 0.01}, {L2: 0.02}}
	for _, pieces := range []int{1, 3} {
		plain, validation := first(func(s *train.Strategy) { s.Accumulate = pieces })
		with, same := first(func(s *train.Strategy) { s.Accumulate, s.Penalties = pieces, penalties })
		if math.Abs(with-plain-want) > 1e-5*want || want < 0.1 {
			t.Errorf("in %d pieces: loss %v with penalties, %v without, want %v more", pieces, with, plain, want)
		}
		if same != validation {
			t.Errorf("in %d pieces: validation %v with penalties, %v without", pieces, same, validation)
		}
	}
	tr.Strategy.Penalties = []train.Penalty{{Keys: []string{"nothing.*"}, L1: -1}, {L2: math.NaN()}}
	err := tr.Check()
	for _, part := range []string{"penalties.0.l1 must", "penalties.1.l2 must", `strategy.penalties.0.keys: "nothing.*" fits no key`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}

// Training with SAM learns, and batch norms count each batch once.
func TestSAM(t *testing.T) {
	for _, pieces := range []int{1, 2} {
		tr := newTrainer(t, 6, 2)
		tr.Strategy.SAM, tr.Strategy.Accumulate = &optim.SAM{Rho: 0.05}, pieces
		start(t, tr, checkpoint.DefaultConfig())
		result, err := tr.Fit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !(result.Test.Value("accuracy") > 0.6) {
			t.Errorf("in %d pieces: %+v", pieces, result.Test)
		}
		n, err := tr.Store.Get("norm.num_batches_tracked")
		if err != nil || n.Int(0) != int64(6*perEpoch*pieces) {
			t.Errorf("in %d pieces: %v batches counted, %v", pieces, n.Int(0), err)
		}
	}
}
