package train_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// moments notes the steps of evaluations, of lines of the log, and the last one.
type moments struct {
	evaluated, logged []int
	last              int
}

func watch(tr *train.Trainer) *moments {
	m := &moments{}
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		switch e := e.(type) {
		case *train.Stepped:
			m.last = e.Step
		case *train.Scored:
			if e.Split == "validation" {
				m.evaluated = append(m.evaluated, e.Step)
			}
		case *train.Logged:
			if e.Split == "train" {
				m.logged = append(m.logged, e.Step)
			}
		}
		return nil
	})
	return m
}

// However a run ends, each step is evaluated once at most, its end once, and no
// step is missing in the log.
func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(tr *train.Trainer)
		want string
	}{
		"stream": {func(tr *train.Trainer) {
			tr.Train, tr.Schedule = endless{tr.Train}, schedule.Constant{}
			tr.Evaluate.EverySteps, tr.LogEvery = new(5), 3
		}, "[5 10] [3 5 6 9 10] 10"},
		"stream, steps": {func(tr *train.Trainer) {
			tr.Train = endless{tr.Train}
			tr.Strategy.Epochs, tr.Strategy.Steps, tr.Evaluate.EveryEpochs = nil, new(8), new(9)
		}, "[8] [2 4 5 6 8] 8"},
		"steps": {func(tr *train.Trainer) {
			tr.Strategy.Epochs, tr.Strategy.Steps, tr.Evaluate.EveryEpochs = nil, new(8), new(9)
		}, "[8] [2 4 5 6 8] 8"},
		"steps of whole epochs": {func(tr *train.Trainer) {
			tr.Strategy.Epochs, tr.Strategy.Steps = nil, new(10)
		}, "[5 10] [2 4 5 6 8 10] 10"},
		"early stop": {func(tr *train.Trainer) {
			tr.Evaluate.EverySteps, tr.Evaluate.EveryEpochs = new(3), nil
			tr.Strategy.EarlyStop = &train.EarlyStop{Metric: "loss", Patience: 1, MinDelta: 100}
		}, "[3 6] [2 4 5 6] 6"},
		"early stop of a stream": {func(tr *train.Trainer) {
			tr.Train, tr.Schedule = endless{tr.Train}, schedule.Constant{}
			tr.Evaluate.EverySteps = new(4)
			tr.Strategy.EarlyStop = &train.EarlyStop{Metric: "loss", Patience: 1, MinDelta: 100}
		}, "[4 5] [2 4 5] 5"},
	} {
		tr := newTrainer(t, 2, 2)
		c.set(tr)
		m := watch(tr)
		if _, err := tr.Fit(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := fmt.Sprint(m.evaluated, m.logged, m.last); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// A stream has no end that a cosine could know of.
func TestStreamWantsSteps(t *testing.T) {
	tr := newTrainer(t, 2, 2)
	tr.Train = endless{tr.Train}
	if _, err := tr.Fit(t.Context()); err == nil || !strings.Contains(err.Error(), "give strategy.steps") {
		t.Errorf("error %v", err)
	}
}

// Losses, metrics and weights of a batch in pieces are those of the whole, with
// weights of examples, two outputs, and pieces in which no target counts.
func TestPiecesOfSeveralOutputs(t *testing.T) {
	run := func(pieces int) ([]float64, map[string][]float32) {
		x, y := points(examples, "train")
		z, weight := tensor.New(y.DType(), y.Shape()), tensor.New(x.DType(), y.Shape())
		for i := range examples {
			weight.F32()[i] = float32(i%4) / 2
			z.SetInt(i, -100)
			if i%9 == 0 {
				z.SetInt(i, int64(i%3))
			}
		}
		set, err := data.Tensors(x, y, z, weight)
		if err != nil {
			t.Fatal(err)
		}
		tr := newTrainer(t, 1, 2)
		model := &struct{ FC, Other *nn.Linear }{nn.NewLinear(2, 3), nn.NewLinear(2, 3)}
		if tr.Store, err = exec.NewStore(cpu.New(cpu.WithThreads(2)), model, exec.Seed(1)); err != nil {
			t.Fatal(err)
		}
		defer tr.Store.Close()
		tr.Weighted, tr.Validation, tr.Test = true, nil, nil
		tr.Forward = func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{model.FC.Forward(c, in[0]), model.Other.Forward(c, in[0])}
		}
		head := tr.Heads[0]
		ignore := int64(-100)
		tr.Heads = []train.Head{head, head}
		tr.Heads[0].Name, tr.Heads[1].Name, tr.Heads[1].Weight = "first", "second", 0.5
		tr.Heads[1].Metrics = []train.Metric{{Name: "accuracy", Metric: &metric.Accuracy{K: 1, IgnoreIndex: &ignore}}}
		tr.Strategy.Accumulate = pieces
		if tr.Train, err = data.NewLoader(set, data.LoaderConfig{Batch: batch}); err != nil {
			t.Fatal(err)
		}
		var numbers []float64
		tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
			if e, ok := e.(*train.Stepped); ok {
				numbers = append(append(numbers, e.Loss), e.Metrics...)
			}
			return nil
		})
		if _, err := tr.Fit(t.Context()); err != nil {
			t.Fatal(err)
		}
		weights := map[string][]float32{}
		for _, key := range tr.Store.Model() {
			v, err := tr.Store.Get(key)
			if err != nil {
				t.Fatal(err)
			}
			weights[key] = slices.Clone(v.F32())
		}
		return numbers, weights
	}
	want, weights := run(1)
	for _, pieces := range []int{3, 16} {
		got, other := run(pieces)
		for i := range want {
			if d := math.Abs(got[i] - want[i]); !(d <= 1e-5*math.Abs(want[i])) {
				t.Errorf("%d pieces: number %d is %v, of the whole %v", pieces, i, got[i], want[i])
			}
		}
		for key, w := range weights {
			for i := range w {
				if d := math.Abs(float64(other[key][i] - w[i])); !(d <= 1e-5) {
					t.Errorf("%d pieces: %s[%d] is %v, of the whole %v", pieces, key, i, other[key][i], w[i])
				}
			}
		}
	}
}

// A batch of which no target counts is said to be one.
func TestNothingCounts(t *testing.T) {
	for _, pieces := range []int{1, 4} {
		tr := newTrainer(t, 1, 2)
		tr.Strategy.Accumulate = pieces
		tr.Heads[0].Metrics = nil
		spoil(tr, 3, 1, func(b *data.Batch) {
			for i := range b.N {
				b.Inputs[1].SetInt(i, -100)
			}
		})
		if _, err := tr.Fit(t.Context()); err == nil || !strings.Contains(err.Error(), "no target counts in step 3 (batch 3 of epoch 1)") {
			t.Errorf("%d pieces: error %v", pieces, err)
		}
	}
}

// A step in pieces that float16 refuses leaves the running statistics as they
// were.
func TestOverflowInPieces(t *testing.T) {
	for _, pieces := range []int{1, 4} {
		tr := newTrainer(t, 2, 2)
		tr.Strategy.Precision, tr.Strategy.Accumulate, tr.Strategy.LossScale.Initial = train.Float16, pieces, 1<<30
		before, refused := "", 0
		tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
			mean, err := tr.Store.Get("norm.running_mean")
			if err != nil {
				return err
			}
			switch e.(type) {
			case *train.StepStarted:
				before = string(mean.Bytes())
			case *train.Refused:
				refused++
				if string(mean.Bytes()) != before {
					t.Errorf("%d pieces: the statistics have changed", pieces)
				}
			}
			return nil
		})
		if _, err := tr.Fit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if refused == 0 {
			t.Errorf("%d pieces: no step overflowed", pieces)
		}
	}
}

// Gradients that are finite at no scale of the loss end a run of float16.
func TestOverflowForever(t *testing.T) {
	tr := newTrainer(t, 100, 2)
	single := tr.Forward
	tr.Strategy.Precision = train.Float16
	tr.Forward = func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		out := single(c, in)[0]
		zero := ops.Mul(out, ops.Scalar(out, 0))
		return []*ir.Value{ops.Add(out, ops.Sqrt(zero))} // of infinite slope
	}
	m := watch(tr)
	_, err := tr.Fit(t.Context())
	if err == nil || !strings.Contains(err.Error(), "not finite in step 30") || !strings.Contains(err.Error(), "bfloat16") || m.last != 0 {
		t.Errorf("after %d steps: %v", m.last, err)
	}
}
