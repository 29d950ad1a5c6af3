package train_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// net has what a step may hold: a norm with statistics, dropout, two layers.
type net struct {
	FC1  *nn.Linear
	Norm *nn.BatchNorm1d
	Drop *nn.Dropout
	FC2  *nn.Linear
}

func newNet() *net {
	return &net{nn.NewLinear(2, 32), nn.DefaultBatchNorm(32).Build1d(), nn.NewDropout(0.2), nn.NewLinear(32, 3)}
}

func (m *net) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return m.FC2.Forward(c, m.Drop.Forward(c, ops.ReLU(m.Norm.Forward(c, m.FC1.Forward(c, x)))))
}

// points are n points of the plane in three classes: how far they are out.
func points(n int, stream string) (x, y *tensor.Tensor) {
	s := rng.NewStream(7, stream, 0)
	x, y = tensor.New(dtype.Float32, shape.Of(n, 2)), tensor.New(dtype.Int64, shape.Of(n))
	for i := range n {
		a, b := s.Normal(), s.Normal()
		x.F32()[2*i], x.F32()[2*i+1] = float32(a), float32(b)
		switch r := a*a + b*b; {
		case r > 2.2:
			y.SetInt(i, 2)
		case r > 0.8:
			y.SetInt(i, 1)
		}
	}
	return x, y
}

func feed(t *testing.T, n int, stream string, cfg data.LoaderConfig) *data.Loader {
	t.Helper()
	x, y := points(n, stream)
	set, err := data.Tensors(x, y)
	if err != nil {
		t.Fatal(err)
	}
	l, err := data.NewLoader(set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const examples, batch, perEpoch = 300, 64, 5 // the last batch of an epoch has 44

// newTrainer trains for some epochs; the strategy can be changed before Fit.
func newTrainer(t *testing.T, epochs, threads int) *train.Trainer {
	t.Helper()
	model := newNet()
	store, err := exec.NewStore(cpu.New(cpu.WithThreads(threads)), model, exec.Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	strategy := train.DefaultStrategy()
	strategy.Epochs = &epochs
	sgd := optim.DefaultSGD()
	sgd.LR, sgd.Momentum = 0.1, 0.9
	return &train.Trainer{
		Store: store, Forward: train.Single(model), Inputs: 1,
		Heads:      []train.Head{{Loss: loss.DefaultCrossEntropy(), Weight: 1, Metrics: []train.Metric{{Name: "accuracy", Metric: &metric.Accuracy{K: 1}}}}},
		Optimizers: []optim.Part{{Config: sgd}}, Schedule: schedule.Cosine{},
		Strategy:   strategy,
		Train:      feed(t, examples, "train", data.LoaderConfig{Batch: batch, Shuffle: true, Seed: 3}),
		Validation: feed(t, 100, "validation", data.LoaderConfig{Batch: 64}),
		Test:       feed(t, 100, "test", data.LoaderConfig{Batch: 64}),
		Evaluate:   train.EvaluateConfig{EveryEpochs: new(1)}, LogEvery: 2, Seed: 5,
	}
}

// record keeps a run in a folder.
func record(t *testing.T, tr *train.Trainer, dir string, run *runlog.Run, cfg checkpoint.Config) {
	t.Helper()
	d, err := checkpoint.Open(filepath.Join(dir, train.CheckpointsDir), cfg)
	if err != nil {
		t.Fatal(err)
	}
	tr.Recorder = &train.Recorder{Run: run, Title: "points", Checkpoint: cfg, Checkpoints: d,
		Files: map[string]func(io.Writer) error{train.ConfigFile: func(w io.Writer) error { _, err := io.WriteString(w, "{}\n"); return err }}}
}

// start makes a new run folder for a trainer.
func start(t *testing.T, tr *train.Trainer, cfg checkpoint.Config) string {
	t.Helper()
	dir := t.TempDir()
	run, err := runlog.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { run.Close() })
	record(t, tr, dir, run, cfg)
	return dir
}

// resume goes on from the newest checkpoint of a folder.
func resume(t *testing.T, ctx context.Context, tr *train.Trainer, dir string, cfg checkpoint.Config) (train.Result, error) {
	t.Helper()
	c, damaged, err := checkpoint.Latest(filepath.Join(dir, train.CheckpointsDir))
	if err != nil || damaged != nil {
		t.Fatal(err, damaged)
	}
	var state train.State
	if err := json.Unmarshal(c.State, &state); err != nil {
		t.Fatal(err)
	}
	run, err := runlog.Resume(dir, state.MetricsBytes)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	record(t, tr, dir, run, cfg)
	return tr.Resume(ctx, c)
}

// name describes an event in a word.
func name(e train.Event) string {
	switch e := e.(type) {
	case *train.Started:
		return fmt.Sprintf("started %d %d", *e.Epochs, e.Steps)
	case *train.EpochStarted:
		return fmt.Sprintf("epoch %d", e.Epoch)
	case *train.Stepped:
		return fmt.Sprintf("step %d %d %d %v", e.Step, e.Epoch, e.Samples, e.Last)
	case *train.EvaluationStarted:
		return "evaluation of " + e.Split
	case *train.Scored:
		return fmt.Sprintf("%s %d %d %d", e.Split, e.Step, e.Epoch, e.Samples)
	case *train.EpochEnded:
		return fmt.Sprintf("epoch ended %d %d", e.Epoch, e.Step)
	case *train.Saved:
		return fmt.Sprintf("saved %d", e.Step)
	case *train.Ended:
		return fmt.Sprintf("ended %d %v", e.Step, e.Err)
	}
	return ""
}

func TestEvents(t *testing.T) {
	tr := newTrainer(t, 2, 2)
	start(t, tr, checkpoint.DefaultConfig())
	var got []string
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		if s := name(e); s != "" {
			got = append(got, s)
		}
		return nil
	})
	if _, err := tr.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"started 2 10",
		"epoch 1", "step 1 1 64 false", "step 2 1 64 false", "step 3 1 64 false", "step 4 1 64 false", "step 5 1 44 true",
		"train 5 1 300", "evaluation of validation", "validation 5 1 100", "epoch ended 1 5", "saved 5",
		"epoch 2", "step 6 2 64 false", "step 7 2 64 false", "step 8 2 64 false", "step 9 2 64 false", "step 10 2 44 true",
		"train 10 2 300", "evaluation of validation", "validation 10 2 100", "epoch ended 2 10", "saved 10",
		"evaluation of test", "test 10 2 100", "ended 10 <nil>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLearnsAndRecords(t *testing.T) {
	tr := newTrainer(t, 30, 2)
	dir := start(t, tr, checkpoint.DefaultConfig())
	before, err := tr.Score(t.Context(), "test", tr.Test)
	if err != nil {
		t.Fatal(err)
	}
	result, err := tr.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a := result.Test.Value("accuracy"); !(a > 0.85 && result.Test.Loss < before.Loss/2) {
		t.Errorf("result %+v, before training %+v", result.Test, before)
	}
	if again, err := tr.Score(t.Context(), "test", tr.Test); err != nil || again.Loss != result.Test.Loss {
		t.Errorf("Score gives %+v, %v after Fit gave %+v", again, err, result.Test)
	}
	records, err := runlog.ReadMetrics(filepath.Join(dir, runlog.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"2 train", "4 train", "5 train", "5 validation", "6 train"} {
		if got := fmt.Sprint(records[i].Step, " ", records[i].Split); got != want {
			t.Errorf("record %d is %s, want %s", i, got, want)
		}
	}
	last := records[len(records)-1]
	if v, _ := last.Value("accuracy"); last.Split != "test" || v != result.Test.Value("accuracy") {
		t.Errorf("the last record is %+v", last)
	}
	for _, file := range []string{runlog.CurvesFile, train.WeightsFile, train.ConfigFile} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
			t.Error(err)
		}
	}
}

// everything switches on what has state of its own.
func everything(tr *train.Trainer) {
	s := &tr.Strategy
	s.Accumulate, s.ClipNorm, s.EMA = 3, new(1.0), &train.EMA{Decay: 0.9, Warmup: true}
	guard := train.DefaultGuard()
	guard.Window, guard.Snapshot = 3, 4
	s.Guard, s.Mixup = &guard, new(0.2)
	s.EarlyStop = &train.EarlyStop{Metric: "accuracy", Maximize: true, Patience: 50, Restore: true}
	adam := optim.DefaultAdamW()
	adam.LR = 0.01
	tr.Optimizers = []optim.Part{{Config: adam}}
	plateau := schedule.DefaultPlateau()
	plateau.Patience = 0
	tr.Schedule = plateau
	tr.Evaluate.EverySteps = new(3)
}

// files is what a run leaves that must not depend on interruptions: the model,
// the metrics, and the values of the last checkpoint.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	got := map[string][]byte{}
	for _, name := range []string{runlog.MetricsFile, train.WeightsFile} {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = b
	}
	c, _, err := checkpoint.Latest(filepath.Join(dir, train.CheckpointsDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range c.Values {
		got[v.Name] = v.Tensor.Bytes()
	}
	got["state"] = c.State
	return got
}

func same(t *testing.T, what string, got, want map[string][]byte) {
	t.Helper()
	keys := slices.Sorted(maps.Keys(want))
	if k := slices.Sorted(maps.Keys(got)); !slices.Equal(k, keys) {
		t.Errorf("%s: values %v\nwant %v", what, k, keys)
		return
	}
	for _, key := range keys {
		if !bytes.Equal(got[key], want[key]) {
			text := ""
			if key == "state" || key == runlog.MetricsFile {
				text = fmt.Sprintf(":\n%s\nwant\n%s", got[key], want[key])
			}
			t.Errorf("%s: %s differs%s", what, key, text)
		}
	}
}

// endless hides how many batches a feed has, as streams do.
type endless struct{ data.Feed }

func (endless) Batches() (int, bool) { return 0, false }

// A run that is interrupted at any step, also in an evaluation, and goes on in a
// new trainer ends with the bytes of one that was not, with another number of
// threads too.
func TestResumeIsExact(t *testing.T) {
	for _, c := range []struct {
		name          string
		stride, short int // between moments of interruption
		set           func(tr *train.Trainer)
	}{
		{"everything", 3, 11, everything},
		{"swa", 5, 23, func(tr *train.Trainer) {
			tr.Strategy.SWA, tr.Strategy.Accumulate = &train.SWA{Start: 0.5, LR: 0.05}, 2
		}},
		{"thaw", 5, 23, func(tr *train.Trainer) {
			adam := optim.DefaultAdam()
			tr.Optimizers = []optim.Part{{Config: adam}}
			s := &tr.Strategy
			s.EMA, s.Accumulate, s.Freeze = &train.EMA{Decay: 0.9}, 2, []string{"fc1.*", "norm.*"}
			s.Thaw = []optim.Thaw{{Epoch: 2, Keys: []string{"norm.*"}}, {Epoch: 3, Keys: []string{"fc1.*"}}}
		}},
		{"schedule-free", 5, 23, func(tr *train.Trainer) {
			tr.Optimizers, tr.Schedule = []optim.Part{{Config: optim.DefaultAdamWScheduleFree()}}, schedule.Constant{}
		}},
		{"sam", 7, 29, func(tr *train.Trainer) {
			everything(tr)
			tr.Strategy.SAM = &optim.SAM{Rho: 0.1, Adaptive: true}
			tr.Strategy.Penalties = []train.Penalty{{L1: 1e-3, L2: 1e-3}}
		}},
		{"float16", 5, 23, func(tr *train.Trainer) {
			s := &tr.Strategy
			s.Precision, s.Accumulate = train.Float16, 3
			s.LossScale.Initial, s.LossScale.Every = 1<<22, 3
			tr.Evaluate.EverySteps = new(4)
		}},
		{"float16 with guard", 7, 29, func(tr *train.Trainer) {
			everything(tr)
			tr.Strategy.Precision, tr.Strategy.LossScale.Initial = train.Float16, 1<<22
		}},
		{"stream", 3, 11, func(tr *train.Trainer) {
			tr.Train, tr.Schedule = endless{tr.Train}, schedule.Constant{}
			tr.Evaluate.EverySteps, tr.LogEvery = new(5), 3
		}},
		{"steps", 3, 11, func(tr *train.Trainer) {
			tr.Strategy.Epochs, tr.Strategy.Steps = nil, new(13)
			tr.Evaluate.EveryEpochs = new(2)
		}},
		{"steps of a stream", 3, 11, func(tr *train.Trainer) {
			tr.Train = endless{tr.Train}
			tr.Strategy.Epochs, tr.Strategy.Steps, tr.LogEvery = nil, new(13), 4
		}},
		{"early stop in an epoch", 3, 11, func(tr *train.Trainer) {
			tr.Strategy.EarlyStop = &train.EarlyStop{Metric: "accuracy", Patience: 1, Restore: true}
			tr.Evaluate.EverySteps, tr.Evaluate.EveryEpochs = new(4), nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stride := c.stride
			if testing.Short() {
				stride = c.short
			}
			resumesExactly(t, stride, c.set)
		})
	}
}

func resumesExactly(t *testing.T, stride int, set func(tr *train.Trainer)) {
	cfg := checkpoint.DefaultConfig()
	cfg.EverySteps = new(4)
	const epochs = 4
	tr := newTrainer(t, epochs, 2)
	set(tr)
	dir := start(t, tr, cfg)
	if _, err := tr.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := files(t, dir)
	for moment := 1; moment < 100; moment += stride {
		ctx, cancel := context.WithCancel(t.Context())
		tr := newTrainer(t, epochs, 1)
		set(tr)
		seen := 0
		tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
			switch e.(type) {
			case *train.StepStarted, *train.Stepped, *train.EvaluationStarted, *train.Evaluated, *train.Scored:
				if seen++; seen == moment {
					cancel()
				}
			}
			return nil
		})
		dir := start(t, tr, cfg)
		_, err := tr.Fit(ctx)
		cancel()
		if err == nil {
			break // moments are through
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		again := newTrainer(t, epochs, 2)
		set(again)
		if err := tr.Recorder.Run.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := resume(t, t.Context(), again, dir, cfg); err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("interrupted at moment %d", moment), files(t, dir), want)
		if t.Failed() {
			return
		}
	}
}

// The number of threads changes no byte.
func TestThreads(t *testing.T) {
	var want map[string][]byte
	for _, threads := range []int{1, 2, 3, 5, 8} {
		tr := newTrainer(t, 2, threads)
		everything(tr)
		dir := start(t, tr, checkpoint.DefaultConfig())
		if _, err := tr.Fit(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := files(t, dir)
		if want == nil {
			want = got
		}
		same(t, fmt.Sprintf("%d threads", threads), got, want)
	}
}

// A batch that is computed in pieces has the gradients of the whole one, also of
// what layers add to the loss.
func TestAccumulate(t *testing.T) {
	losses := func(pieces int, penalty float64) []float64 {
		tr := newTrainer(t, 2, 2)
		model := struct {
			FC1, FC2 *nn.Linear
			Penalty  *nn.ActivityRegularization
		}{nn.NewLinear(2, 16), nn.NewLinear(16, 3), &nn.ActivityRegularization{L1: 0.01, L2: penalty}} // no norm: its statistics are those of a piece
		store, err := exec.NewStore(cpu.New(cpu.WithThreads(2)), &model, exec.Seed(1))
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		tr.Store = store
		tr.Forward = func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{model.FC2.Forward(c, model.Penalty.Forward(c, ops.ReLU(model.FC1.Forward(c, in[0]))))}
		}
		tr.Strategy.Accumulate, tr.Strategy.ClipNorm = pieces, new(0.5)
		// Labels that do not count are spread unevenly over the pieces.
		x, y := points(examples, "train")
		for i := 0; i < examples; i += 1 + i%7 {
			y.SetInt(i, -100)
		}
		set, err := data.Tensors(x, y)
		if err != nil {
			t.Fatal(err)
		}
		if tr.Train, err = data.NewLoader(set, data.LoaderConfig{Batch: batch, Shuffle: true, Seed: 3}); err != nil {
			t.Fatal(err)
		}
		tr.Heads[0].Metrics = nil
		var list []float64
		tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
			switch e := e.(type) {
			case *train.Stepped:
				list = append(list, e.Loss)
			case *train.Scored: // over the epoch
				list = append(list, e.Loss)
			}
			return nil
		})
		if _, err := tr.Fit(t.Context()); err != nil {
			t.Fatal(err)
		}
		return list
	}
	want := losses(1, 0.05)
	if plain := losses(1, 0); !(plain[0] < want[0]) {
		t.Errorf("loss %v with a penalty, %v without", want[0], plain[0])
	}
	for _, pieces := range []int{2, 5, 64} {
		for i, got := range losses(pieces, 0.05) {
			if d := math.Abs(got - want[i]); !(d <= 2e-5*want[i]) {
				t.Errorf("%d pieces, loss %d: %v, of the whole batch %v", pieces, i, got, want[i])
			}
		}
	}
}

func TestCallbacksEndARun(t *testing.T) {
	for _, c := range []struct{ returned, want error }{{train.ErrStop, nil}, {os.ErrInvalid, os.ErrInvalid}} {
		tr := newTrainer(t, 3, 2)
		steps := 0
		tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
			if e, ok := e.(*train.Stepped); ok {
				if steps = e.Step; e.Step == 3 {
					return c.returned
				}
			}
			return nil
		})
		if _, err := tr.Fit(t.Context()); !errors.Is(err, c.want) {
			t.Errorf("callback returns %v: Fit returns %v, want %v", c.returned, err, c.want)
		}
		if steps != 3 {
			t.Errorf("callback returns %v: %d steps, want 3", c.returned, steps)
		}
	}
}

// A checkpoint of other data or of another model is refused, with a word on
// what differs.
func TestForeignCheckpoint(t *testing.T) {
	cfg := checkpoint.DefaultConfig()
	of := train.Data{Train: 100, Validation: 10, Fitted: "a"}
	tr := newTrainer(t, 1, 1)
	tr.Data = &of
	dir := start(t, tr, cfg)
	if _, err := tr.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tr.Recorder.Run.Close(); err != nil {
		t.Fatal(err)
	}
	for want, now := range map[string]*train.Data{
		"": nil,
		"train had 100 rows and has 101, test had 0 rows and has 5":                           {Train: 101, Validation: 10, Test: 5, Fitted: "b"},
		"as many rows, but means, classes or words that were learnt from them are others now": {Train: 100, Validation: 10, Fitted: "b"},
	} {
		again := newTrainer(t, 1, 1)
		again.Data = now
		_, err := resume(t, t.Context(), again, dir, cfg)
		if got := errors.Is(err, train.ErrForeign); got != (want != "") || got && !strings.Contains(err.Error(), "("+want+")") {
			t.Errorf("%+v: error %v", now, err)
		}
	}

	path := filepath.Join(dir, train.CheckpointsDir)
	c, _, err := checkpoint.Latest(path)
	if err != nil {
		t.Fatal(err)
	}
	key := tr.Store.Model()[0]
	c.Values = slices.DeleteFunc(c.Values, func(v safetensors.Named) bool { return v.Name == key })
	_, err = newTrainer(t, 1, 1).Resume(t.Context(), c)
	if !errors.Is(err, train.ErrForeign) || !strings.Contains(err.Error(), "of another model: it lacks "+key) {
		t.Errorf("error %v", err)
	}
}
