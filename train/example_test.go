package train_test

import (
	"context"
	"fmt"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/model/mlp"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// A small network learns "exclusive or".
func ExampleTrainer_Fit() {
	items := must(data.Tensors(
		must(tensor.Of([]float32{0, 0, 0, 1, 1, 0, 1, 1}, 4, 2)),
		must(tensor.Of([]int64{0, 1, 1, 0}, 4))))
	loader := must(data.NewLoader(items, data.LoaderConfig{Batch: 4}))
	model := must(mlp.New(mlp.Config{Sizes: []int{2, 16, 2}}))
	store := must(exec.NewStore(cpu.New(), model, exec.Seed(1)))
	defer store.Close()
	epochs := 200
	strategy := train.DefaultStrategy()
	strategy.Epochs = &epochs
	adam := optim.DefaultAdam()
	adam.LR = 0.03
	t := &train.Trainer{
		Store: store, Forward: train.Single(model), Inputs: 1,
		Heads:      []train.Head{{Loss: loss.DefaultCrossEntropy(), Weight: 1, Metrics: []train.Metric{{Name: "accuracy", Metric: &metric.Accuracy{K: 1}}}}},
		Optimizers: []optim.Part{{Config: adam}}, Schedule: schedule.Constant{},
		Strategy: strategy, Train: loader, Test: loader, LogEvery: 1,
	}
	result, err := t.Fit(context.Background())
	fmt.Println(result.Step, result.Test.Value("accuracy"), err)
	// Output: 200 1 <nil>
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A rate for a small network is found, which is then as it was.
func ExampleTrainer_FindRate() {
	items := must(data.Tensors(
		must(tensor.Of([]float32{0, 0, 0, 1, 1, 0, 1, 1}, 4, 2)),
		must(tensor.Of([]int64{0, 1, 1, 0}, 4))))
	model := must(mlp.New(mlp.Config{Sizes: []int{2, 16, 2}}))
	store := must(exec.NewStore(cpu.New(), model, exec.Seed(1)))
	defer store.Close()
	strategy := train.DefaultStrategy()
	strategy.Steps = new(200)
	t := &train.Trainer{
		Store: store, Forward: train.Single(model), Inputs: 1,
		Heads:      []train.Head{{Loss: loss.DefaultCrossEntropy(), Weight: 1}},
		Optimizers: []optim.Part{{Config: optim.DefaultAdam()}}, Schedule: schedule.Constant{},
		Strategy: strategy, Train: must(data.NewLoader(items, data.LoaderConfig{Batch: 4})), LogEvery: 1,
	}
	found, err := t.FindRate(context.Background(), train.DefaultRateFinder())
	best := found.Tried[found.Best].Rate
	fmt.Println(len(found.Tried), best > 0.005 && best < 0.5, err)
	// Output: 100 true <nil>
}
