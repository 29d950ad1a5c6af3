package train_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// spoil makes batches bad, from a step on for so many steps.
func spoil(tr *train.Trainer, from, steps int, how func(b *data.Batch)) {
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		if e, ok := e.(*train.StepStarted); ok && e.Step >= from && e.Step < from+steps {
			how(e.Batch)
		}
		return nil
	})
}

func with(value float64) func(b *data.Batch) {
	return func(b *data.Batch) { b.Inputs[0].SetFloat(3, value) }
}

// mislabel gives all examples the next class.
func mislabel(b *data.Batch) {
	for i := range b.N {
		b.Inputs[1].SetInt(i, (b.Inputs[1].Int(i)+1)%3)
	}
}

// A batch that gives gradients that are not finite, and one that makes the loss
// jump, are left out: the weights, the statistics and the optimizer are those of
// before, the batch is named, and the run ends as well as a clean one.
func TestGuard(t *testing.T) {
	clean := newTrainer(t, 60, 2)
	guard := train.DefaultGuard()
	clean.Strategy.Guard = &guard
	want, err := clean.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, how := range map[string]func(b *data.Batch){"infinity": with(math.Inf(1)), "poison": mislabel} {
		tr := newTrainer(t, 60, 2)
		tr.Strategy.Guard = &guard
		spoil(tr, 233, 1, how)
		var refused []train.Refused
		var before, after []byte
		tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
			weights := func() []byte {
				var all []byte
				for _, key := range tr.Store.Keys() {
					if key == "rng.step" { // counts on
						continue
					}
					v, err := tr.Store.Get(key)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, v.Bytes()...)
				}
				return all
			}
			switch e := e.(type) {
			case *train.StepStarted:
				if e.Step == 233 {
					before = weights()
				}
			case *train.Refused:
				refused, after = append(refused, *e), weights()
			}
			return nil
		})
		got, err := tr.Fit(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(refused) != 1 || refused[0].Step != 233 || refused[0].Epoch != 47 || refused[0].Batch != 3 || len(refused[0].Items) != batch {
			t.Errorf("%s: refused %+v", name, refused)
		}
		if !slices.Equal(before, after) {
			t.Errorf("%s: the step that was refused changed something", name)
		}
		if d := math.Abs(got.Validation.Loss - want.Validation.Loss); !(d < 0.01*want.Validation.Loss) {
			t.Errorf("%s: ends with loss %v, a clean run with %v", name, got.Validation.Loss, want.Validation.Loss)
		}
	}
}

// Many bad batches in a row bring back the last snapshot, and in the end the
// run gives up with an explanation.
func TestGuardGivesUp(t *testing.T) {
	tr := newTrainer(t, 20, 2)
	guard := train.DefaultGuard()
	guard.Snapshot, guard.Patience, guard.Give = 4, 2, 2
	tr.Strategy.Guard = &guard
	spoil(tr, 10, 1000, with(math.NaN()))
	var rolled []int
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		if e, ok := e.(*train.Refused); ok && e.RolledBack {
			rolled = append(rolled, e.SnapshotOf)
		}
		return nil
	})
	result, err := tr.Fit(t.Context())
	if err == nil || !strings.Contains(err.Error(), "learning rate") || !strings.Contains(err.Error(), "step 15") {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(rolled, []int{8, 8}) || result.Step != 15 {
		t.Errorf("weights came back of steps %v, the run ended after step %d", rolled, result.Step)
	}
}

// Without a guard the run ends with the step and the batch.
func TestLossThatIsNoNumber(t *testing.T) {
	tr := newTrainer(t, 3, 2)
	spoil(tr, 7, 1, with(math.NaN()))
	if _, err := tr.Fit(t.Context()); err == nil || !strings.Contains(err.Error(), "NaN in step 7 (batch 2 of epoch 2)") {
		t.Errorf("error %v", err)
	}
}

// What is frozen keeps its bits until its epoch, and then learns.
func TestThaw(t *testing.T) {
	tr := newTrainer(t, 3, 2)
	tr.Strategy.Freeze = []string{"fc1.*", "norm.weight"}
	tr.Strategy.Thaw = []optim.Thaw{{Epoch: 2, Keys: []string{"fc1.*"}}}
	value := func(key string) string {
		v, err := tr.Store.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(v.Bytes())
	}
	first := map[string]string{}
	for _, key := range []string{"fc1.weight", "norm.weight", "fc2.weight"} {
		first[key] = value(key)
	}
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		if e, ok := e.(*train.EpochEnded); ok {
			for key, thawed := range map[string]int{"fc1.weight": 2, "norm.weight": 4, "fc2.weight": 1} {
				if changed := value(key) != first[key]; changed != (e.Epoch >= thawed) {
					t.Errorf("after epoch %d: %s changed: %v", e.Epoch, key, changed)
				}
			}
		}
		return nil
	})
	if _, err := tr.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	tr = newTrainer(t, 3, 2)
	tr.Strategy.Freeze = []string{"fc3.*"}
	if _, err := tr.Fit(t.Context()); err == nil || !strings.Contains(err.Error(), `"fc3.*" fits no key`) {
		t.Errorf("error %v", err)
	}
}

// The stochastic average is the mean of the weights at the ends of the last
// epochs, and its statistics are those of the whole training data.
func TestSWA(t *testing.T) {
	tr := newTrainer(t, 6, 2)
	tr.Strategy.SWA = &train.SWA{Start: 0.5, LR: 0.05}
	var sum []float64
	n := 0
	var rates []float64
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		switch e := e.(type) {
		case *train.Stepped:
			rates = append(rates, e.LR)
		case *train.EpochEnded:
			if e.Epoch <= 3 {
				break
			}
			w, err := tr.Store.Get("fc1.weight")
			if err != nil {
				t.Fatal(err)
			}
			if sum == nil {
				sum = make([]float64, w.Size())
			}
			for i, v := range w.F32() {
				sum[i] += float64(v)
			}
			n++
		}
		return nil
	})
	dir := start(t, tr, checkpoint.DefaultConfig())
	result, err := tr.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rates[14] == 0.05 || rates[15] != 0.05 || rates[29] != 0.05 {
		t.Errorf("rates %v", rates)
	}
	f, err := safetensors.Open(filepath.Join(dir, filepath.FromSlash(train.WeightsFile)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	saved, err := f.Tensor("fc1.weight")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range saved.F32() {
		if want := sum[i] / float64(n); n != 3 || math.Abs(float64(v)-want) > 1e-6 {
			t.Fatalf("weight %d of %d sets: %v, want %v", i, n, v, want)
		}
	}
	batches, err := f.Tensor("norm.num_batches_tracked")
	if err != nil || batches.Int(0) != perEpoch {
		t.Errorf("statistics of %v batches, %v", batches, err)
	}
	if !(result.Test.Value("accuracy") > 0.6) {
		t.Errorf("%+v", result.Test)
	}
}

// A schedule-free optimizer trains y; the model that is judged and saved is x, of
// which y holds 0.9, with statistics of its own. Weights of another optimizer
// come along.
func TestScheduleFree(t *testing.T) {
	tr := newTrainer(t, 10, 2)
	free, other := optim.DefaultSGDScheduleFree(), optim.DefaultSGD()
	free.LR, other.LR = 1, 0.1
	tr.Optimizers = []optim.Part{{Config: free}, {Config: other, Keys: []string{"fc1.*"}}}
	tr.Schedule = schedule.Constant{}
	dir := start(t, tr, checkpoint.DefaultConfig())
	result, err := tr.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(filepath.Join(dir, filepath.FromSlash(train.WeightsFile)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, key := range []string{"fc1.weight", "fc2.weight"} {
		x, err := f.Tensor(key)
		if err != nil {
			t.Fatal(err)
		}
		y, err := tr.Store.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		differ := false
		for i := range x.Size() {
			want := y.Float(i)
			if key == "fc2.weight" {
				z, err := tr.Store.Get("optim.fc2.weight.z")
				if err != nil {
					t.Fatal(err)
				}
				want = (want - 0.1*z.Float(i)) / 0.9
				differ = differ || math.Abs(want-y.Float(i)) > 1e-3
			}
			if math.Abs(x.Float(i)-want) > 1e-5 {
				t.Fatalf("%s: element %d is saved as %v, want %v", key, i, x.Float(i), want)
			}
		}
		if key == "fc2.weight" && !differ {
			t.Error("what is saved is what was trained")
		}
	}
	batches, err := f.Tensor("norm.num_batches_tracked")
	if err != nil || batches.Int(0) != perEpoch {
		t.Errorf("statistics of %v batches, %v", batches, err)
	}
	if !(result.Test.Value("accuracy") > 0.6) {
		t.Errorf("%+v", result.Test)
	}
	// The test is by what was saved.
	if err := train.LoadModel(filepath.Join(dir, filepath.FromSlash(train.WeightsFile)), tr.Store); err != nil {
		t.Fatal(err)
	}
	score, err := tr.Score(t.Context(), "test", tr.Test)
	if err != nil || score.Loss != result.Test.Loss {
		t.Errorf("the saved model has a loss of %v, %v; the test had %v", score.Loss, err, result.Test.Loss)
	}
	tr.Strategy.EMA = &train.EMA{Decay: 0.9}
	if err := tr.Check(); err == nil || !strings.Contains(err.Error(), "averages the weights, and so do strategy.ema") {
		t.Errorf("error %v", err)
	}
}

// A metric that no longer becomes better ends the run, with the best weights.
func TestEarlyStop(t *testing.T) {
	tr := newTrainer(t, 200, 2)
	tr.Strategy.EarlyStop = &train.EarlyStop{Metric: "loss", Patience: 2, Restore: true}
	var losses []float64
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		if e, ok := e.(*train.Scored); ok && e.Split == "validation" {
			losses = append(losses, e.Loss)
		}
		return nil
	})
	result, err := tr.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	best := slices.Min(losses)
	if n := len(losses); n == 200 || losses[n-3] != best || !strings.Contains(result.Stopped, "loss became no better") {
		t.Errorf("stopped %q after %d epochs: %v", result.Stopped, n, losses)
	}
	if now, err := tr.Score(t.Context(), "validation", tr.Validation); err != nil || now.Loss != best {
		t.Errorf("the weights have loss %v (%v), the best was %v", now.Loss, err, best)
	}
	tr = newTrainer(t, 2, 2)
	tr.Strategy.EarlyStop = &train.EarlyStop{Metric: "f1", Patience: 2}
	if _, err := tr.Fit(t.Context()); err == nil || !strings.Contains(err.Error(), `"f1"`) || !strings.Contains(err.Error(), "accuracy") {
		t.Errorf("a metric that is not there: %v", err)
	}
}

// Weights come from another run, strictly or as far as they fit.
func TestStart(t *testing.T) {
	donor := newTrainer(t, 2, 2)
	dir := start(t, donor, checkpoint.DefaultConfig())
	if _, err := donor.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	tr := newTrainer(t, 1, 2)
	loaded, err := train.Start{From: dir, Strict: true}.Load(tr.Store)
	if err != nil || len(loaded.Taken) != len(tr.Store.Model()) {
		t.Fatalf("%+v, %v", loaded, err)
	}
	for _, key := range tr.Store.Model() {
		a, err := tr.Store.Get(key)
		b, err2 := donor.Store.Get(key)
		if err := errors.Join(err, err2); err != nil || !slices.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s differs (%v)", key, err)
		}
	}
	model := struct{ FC1, FC2, Head *nn.Linear }{nn.NewLinear(2, 32), nn.NewLinear(32, 4), nn.NewLinear(4, 3)}
	store, err := exec.NewStore(cpu.New(), &model)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := (train.Start{From: dir, Strict: true}).Load(store); err == nil || !strings.Contains(err.Error(), "fc2.weight is f32[3 32] in the file, f32[4 32] in the model") || !strings.Contains(err.Error(), "lacks head.weight") {
		t.Errorf("error %v", err)
	}
	loaded, err = train.Start{From: dir, Exclude: []string{"fc1.bias"}}.Load(store)
	if err != nil || !slices.Equal(loaded.Taken, []string{"fc1.weight"}) || !slices.Equal(loaded.Missing, []string{"head.weight", "head.bias"}) || len(loaded.Unfit) != 2 || len(loaded.Unused) != 5 || !slices.Equal(loaded.Excluded, []string{"fc1.bias"}) {
		t.Errorf("%+v, %v", loaded, err)
	}
	if _, err := (train.Start{From: filepath.Join(dir, "nowhere")}).Load(store); err == nil {
		t.Error("a folder that is not there is accepted")
	}
}

// Two outputs have a loss and metrics each, under their names; examples have
// weights.
func TestSeveralOutputs(t *testing.T) {
	x, y := points(examples, "train")
	weight := tensor.New(x.DType(), y.Shape())
	for i := range examples {
		weight.F32()[i] = float32(i % 2)
	}
	set, err := data.Tensors(x, y, y, weight)
	if err != nil {
		t.Fatal(err)
	}
	tr := newTrainer(t, 2, 2)
	head := tr.Heads[0]
	head.Name = "first"
	tr.Heads = []train.Head{head, head}
	tr.Heads[1].Name, tr.Heads[1].Weight = "second", 0.5
	tr.Weighted, tr.Validation, tr.Test = true, nil, nil
	single := tr.Forward
	tr.Forward = func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		out := single(c, in)
		return append(out, ops.Neg(out[0]))
	}
	if tr.Train, err = data.NewLoader(set, data.LoaderConfig{Batch: batch, Shuffle: true}); err != nil {
		t.Fatal(err)
	}
	result, err := tr.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := result.Train
	sum := s.Value("first.loss") + 0.5*s.Value("second.loss")
	if math.IsNaN(sum) || s.Loss != sum || s.Value("loss") != s.Loss || math.IsNaN(s.Value("second.accuracy")) {
		t.Errorf("%+v", s)
	}
}

// Mixed examples are learnt from as well; the shares of cutmix are those of the
// boxes.
func TestMixing(t *testing.T) {
	for name, set := range map[string]func(s *train.Strategy){
		"mixup": func(s *train.Strategy) { s.Mixup = new(0.4) },
		"both":  func(s *train.Strategy) { s.Mixup, s.Cutmix = new(0.4), new(1.0) },
	} {
		tr := newTrainer(t, 20, 2)
		set(&tr.Strategy)
		result, err := tr.Fit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !(result.Test.Value("accuracy") > 0.7) {
			t.Errorf("%s: %+v", name, result.Test)
		}
	}
}

func TestValidate(t *testing.T) {
	zero, minus := 0, -1.0
	s := train.Strategy{Epochs: &zero, ClipNorm: &minus, EMA: &train.EMA{Decay: 2}, SWA: &train.SWA{Start: 3}, Precision: "int4",
		Thaw: []optim.Thaw{{}}, EarlyStop: &train.EarlyStop{}, Guard: &train.Guard{}, Mixup: &minus, Start: &train.Start{}}
	err := s.Validate()
	for _, part := range []string{"epochs", "accumulate", "clip_norm", "ema.decay", "swa.start", "swa.lr", "choose one", "precision", "start.from", "thaw", "early_stop.metric", "early_stop.patience", "guard.window", "guard.factor", "mixup"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
	if err := train.DefaultStrategy().Validate(); err == nil || !strings.Contains(err.Error(), "a run has to end") {
		t.Errorf("error %v", err)
	}
}

// The rate comes to that of the average by steps.
func TestSWAAnneals(t *testing.T) {
	tr := newTrainer(t, 6, 2)
	anneal := train.DefaultSWAAnneal()
	anneal.Epochs, anneal.By = 2, schedule.AnnealLinear
	tr.Strategy.SWA = &train.SWA{Start: 0.5, LR: 0.05, Anneal: &anneal}
	tr.Schedule = schedule.Constant{}
	var rates []float64
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		if e, ok := e.(*train.Stepped); ok {
			rates = append(rates, e.LR)
		}
		return nil
	})
	start(t, tr, checkpoint.DefaultConfig())
	if _, err := tr.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := rates[0] // five steps an epoch: from step 15 to step 25
	for step, want := range map[int]float64{14: first, 15: first, 20: (first + 0.05) / 2, 25: 0.05, 29: 0.05} {
		if math.Abs(rates[step]-want) > 1e-15 {
			t.Errorf("rate %v in step %d, want %v", rates[step], step, want)
		}
	}
	anneal = train.SWAAnneal{}
	err := tr.Strategy.Validate()
	for _, part := range []string{"swa.anneal.epochs must be", "swa.anneal.by: there is no"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}

// In 16 bits a run learns as well as in 32; of float16 the scale of the loss
// falls when it is too high, and those steps change nothing.
func TestPrecision(t *testing.T) {
	loss := map[train.Precision]float64{}
	for _, p := range []train.Precision{train.Float32, train.BFloat16, train.Float16} {
		tr := newTrainer(t, 60, 2)
		tr.Strategy.Precision = p
		tr.Strategy.LossScale.Initial = 1 << 30
		overflows := 0
		tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
			if e, ok := e.(*train.Refused); ok && e.Overflow {
				overflows++
			}
			return nil
		})
		result, err := tr.Fit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		loss[p] = result.Validation.Loss
		if got := overflows > 0; got != (p == train.Float16) {
			t.Errorf("%s: %d steps overflowed", p, overflows)
		}
		if d := math.Abs(loss[p] - loss[train.Float32]); !(d < 0.05*loss[train.Float32]) {
			t.Errorf("%s: loss %v, of float32 %v", p, loss[p], loss[train.Float32])
		}
	}
}

// uncounted hides how many batches there are.
type uncounted struct{ data.Feed }

func (uncounted) Batches() (n int, ok bool) { return 0, false }

// Where nobody knows the length of a run, schedules that need it are refused.
func TestSchedulesOfUnknownLength(t *testing.T) {
	share, steps := &schedule.Warmup{Share: new(0.1)}, &schedule.Warmup{Steps: new(3)}
	followed := schedule.DefaultPlateau()
	for _, tc := range []struct {
		cfg schedule.Config
		ok  bool
	}{
		{schedule.Constant{}, true}, {schedule.Constant{Warmup: steps}, true}, {schedule.Constant{Warmup: share}, false},
		{followed, true}, {schedule.Cosine{}, false}, {schedule.InverseSqrt{}, true},
	} {
		tr := newTrainer(t, 1, 1)
		tr.Train, tr.Schedule = uncounted{tr.Train}, tc.cfg
		_, err := tr.Fit(context.Background())
		if (err == nil) != tc.ok || err != nil && !strings.Contains(err.Error(), "needs the number of steps") {
			t.Errorf("%+v: error %v", tc.cfg, err)
		}
	}
}
