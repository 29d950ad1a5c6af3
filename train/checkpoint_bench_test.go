package train_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/model/mlp"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// BenchmarkCheckpoint trains a model of 2.1 million parameters, 25 MB with the
// state of AdamW, without checkpoints and with one every 20 steps. wait-% is the
// part of the time that steps wait for checkpoints.
func BenchmarkCheckpoint(b *testing.B) {
	for _, every := range []int{0, 20} {
		b.Run(fmt.Sprintf("every=%d", every), func(b *testing.B) {
			model, err := mlp.New(mlp.Config{Sizes: []int{256, 1024, 1024, 768, 10}})
			if err != nil {
				b.Fatal(err)
			}
			store, err := exec.NewStore(cpu.New(cpu.WithThreads(2)), model, exec.Seed(1))
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			set, err := data.Tensors(tensor.New(dtype.Float32, shape.Of(20*256, 256)), tensor.New(dtype.Int64, shape.Of(20*256)))
			if err != nil {
				b.Fatal(err)
			}
			feed, err := data.NewLoader(set, data.LoaderConfig{Batch: 256})
			if err != nil {
				b.Fatal(err)
			}
			run, err := runlog.Create(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer run.Close()
			cfg := checkpoint.DefaultConfig()
			cfg.EveryEpochs, cfg.KeepLast = nil, 2
			if every > 0 {
				cfg.EverySteps = &every
			}
			d, err := checkpoint.Open(run.Path(train.CheckpointsDir), cfg)
			if err != nil {
				b.Fatal(err)
			}
			strategy := train.DefaultStrategy()
			strategy.Steps = new(20*b.N + 40)
			var began, left time.Time
			var wait time.Duration
			tr := &train.Trainer{
				Store: store, Forward: train.Single(model), Inputs: 1,
				Heads:      []train.Head{{Loss: loss.DefaultCrossEntropy(), Weight: 1}},
				Optimizers: []optim.Part{{Config: optim.DefaultAdamW()}}, Schedule: schedule.Constant{},
				Strategy: strategy, Train: feed, LogEvery: 1 << 30,
				Recorder: &train.Recorder{Run: run, Checkpoint: cfg, Checkpoints: d,
					Files: map[string]func(io.Writer) error{train.ConfigFile: func(io.Writer) error { return nil }}},
			}
			tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
				switch e := e.(type) {
				case *train.Stepped:
					left = time.Now()
				case *train.EpochStarted:
					if e.Epoch == 3 { // memory for checkpoints is there
						began, wait = left, time.Since(left)
						b.ResetTimer()
					} else if e.Epoch > 3 {
						wait += time.Since(left)
					}
				}
				return nil
			})
			if _, err := tr.Fit(b.Context()); err != nil {
				b.Fatal(err)
			}
			steps := left.Sub(began)
			b.ReportMetric(100*wait.Seconds()/steps.Seconds(), "wait-%")
			b.ReportMetric(steps.Seconds()*1e3/float64(20*b.N), "ms/step")
		})
	}
}
