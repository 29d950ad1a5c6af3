package recipe

import (
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/model/lenet"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/train"
)

// Trainer makes the trainer of the recipe: it reads the images, makes the backend,
// the model and the optimizer. The caller closes the trainer's store.
func (r MNIST) Trainer() (*train.Trainer, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	model, err := lenet.New(r.Model)
	if err != nil {
		return nil, err
	}
	strategy := train.DefaultStrategy()
	strategy.Epochs = &r.Epochs
	t := &train.Trainer{
		Model: model, Forward: train.Single(model), Inputs: 1,
		Heads:      []train.Head{{Loss: r.Loss, Weight: 1, Metrics: []train.Metric{{Name: "accuracy", Metric: &metric.Accuracy{K: 1}}}}},
		Optimizers: []optim.Part{{Config: r.Optimizer}}, Schedule: r.Schedule,
		Strategy: strategy, Evaluate: train.EvaluateConfig{EveryEpochs: new(1)}, LogEvery: r.LogEvery,
	}
	if t.Train, t.Validation, err = mnistLoaders(r); err != nil {
		return nil, err
	}
	b, err := r.Machine.Backend()
	if err != nil {
		return nil, err
	}
	t.Store, err = exec.NewStore(b, model, exec.Seed(r.Seed))
	return t, err
}

// mnistLoaders reads the images that a recipe names.
func mnistLoaders(r MNIST) (train, test data.Feed, err error) {
	read := mnist.Load
	if dir := r.Data.Dir; dir != nil {
		read = func() (train, test *mnist.Set, err error) { return mnist.Dir(*dir) }
	}
	trainSet, testSet, err := read()
	if err != nil {
		return nil, nil, err
	}
	train, err = mnistLoader(trainSet, r.Data.Normalize, data.LoaderConfig{Batch: r.Data.Batch, Shuffle: true, Seed: r.Seed})
	if err != nil {
		return nil, nil, err
	}
	test, err = mnistLoader(testSet, r.Data.Normalize, data.LoaderConfig{Batch: r.Data.TestBatch})
	return train, test, err
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
