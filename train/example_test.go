package train_test

import (
	"context"
	"fmt"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
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
	t := &train.Trainer{
		Store: store, Model: model, Epochs: 200,
		Loss:      func(output, label *ir.Value) *ir.Value { return loss.CrossEntropy(output, label) },
		Optimizer: must(optim.DefaultAdam().Build(store.Params())),
		Schedule:  must(schedule.Constant{}.Build(0.03, 200)),
		Train:     loader, Test: loader,
	}
	score, err := t.Fit(context.Background())
	fmt.Println(score.Accuracy, err)
	// Output: 1 <nil>
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
