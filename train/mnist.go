package train

import (
	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/lenet"
	"github.com/gradus-ml/gradus/recipe"
)

// MNIST makes the trainer of a recipe. The store is the trainer's; closing it
// closes the backend.
func MNIST(b backend.Backend, r recipe.MNIST, train, test *mnist.Set) (*Trainer, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	model, err := lenet.New(r.Model)
	if err != nil {
		return nil, err
	}
	t := &Trainer{Model: model, Epochs: r.Epochs, Loss: func(y, label *ir.Value) *ir.Value { return r.Loss.Apply(y, label, nil) }}
	if t.Train, err = mnistLoader(train, r.Data.Normalize, data.LoaderConfig{Batch: r.Data.Batch, Shuffle: true, Seed: r.Seed}); err != nil {
		return nil, err
	}
	if t.Test, err = mnistLoader(test, r.Data.Normalize, data.LoaderConfig{Batch: r.Data.TestBatch}); err != nil {
		return nil, err
	}
	t.Schedule = r.Schedule.Build(r.Optimizer.LR, r.Epochs*t.Train.Batches())
	if t.Store, err = exec.NewStore(b, model, exec.Seed(r.Seed)); err != nil {
		return nil, err
	}
	t.Optimizer, err = r.Optimizer.Build(t.Store.Params())
	return t, err
}

func mnistLoader(set *mnist.Set, n data.Normalize, cfg data.LoaderConfig) (*data.Loader, error) {
	items, err := data.Tensors(set.Images, set.Labels)
	if err != nil {
		return nil, err
	}
	normalised, err := n.Dataset(items, 0)
	if err != nil {
		return nil, err
	}
	return data.NewLoader(normalised, cfg)
}
