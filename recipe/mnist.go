package recipe

import (
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/model/lenet"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
)

// MNIST trains a convolutional network to read digits: stochastic gradient
// descent with Nesterov momentum, its rate rising for some steps and then
// falling along half a cosine to the end of the run.
type MNIST struct {
	Recipe    string                  `json:"recipe" yaml:"recipe"` // "mnist"
	Seed      uint64                  `json:"seed" yaml:"seed"`     // of the weights and of the order of images
	Epochs    int                     `json:"epochs" yaml:"epochs"`
	Data      MNISTData               `json:"data" yaml:"data"`
	Model     lenet.Config            `json:"model" yaml:"model"`
	Loss      loss.CrossEntropyConfig `json:"loss" yaml:"loss"`
	Optimizer optim.SGD               `json:"optimizer" yaml:"optimizer"`
	Schedule  schedule.Cosine         `json:"schedule" yaml:"schedule"`
	LogEvery  int                     `json:"log_every" yaml:"log_every"` // steps between lines of metrics
	Machine   Machine                 `json:"machine" yaml:"machine"`
}

// MNISTData says where the images come from and how they become batches.
type MNISTData struct {
	Dir       *string        `json:"dir" yaml:"dir"` // folder of the four IDX files; null for those in the program
	Normalize data.Normalize `json:"normalize" yaml:"normalize"`
	Batch     int            `json:"batch" yaml:"batch"`           // images of a training step
	TestBatch int            `json:"test_batch" yaml:"test_batch"` // images of a step of the test
}

// DefaultMNIST reaches more than 99 % on the test images within five epochs.
func DefaultMNIST(machine Machine) MNIST {
	sgd := optim.DefaultSGD()
	sgd.LR, sgd.Momentum, sgd.Nesterov, sgd.WeightDecay = 0.05, 0.9, true, 5e-4
	warmup := 0.1
	return MNIST{
		Recipe: "mnist", Seed: 1, Epochs: 5,
		Data:      MNISTData{Normalize: mnist.Normalization(), Batch: 128, TestBatch: 500},
		Model:     lenet.MNIST(),
		Loss:      loss.DefaultCrossEntropy(),
		Optimizer: sgd,
		Schedule:  schedule.Cosine{Warmup: &schedule.Warmup{Share: &warmup}},
		LogEvery:  20,
		Machine:   machine,
	}
}

// maxEpochs keeps the number of steps of a run far from the end of int.
const maxEpochs = 1_000_000

// Validate tells all that is wrong.
func (r MNIST) Validate() error {
	var p problems
	p.that(r.Recipe == "mnist", "recipe: %q is not mnist", r.Recipe)
	p.that(r.Epochs >= 1 && r.Epochs <= maxEpochs, "epochs must be in 1..%d, got %d", maxEpochs, r.Epochs)
	p.that(r.Data.Batch >= 1, "batch must be at least 1, got %d", r.Data.Batch)
	p.that(r.Data.TestBatch >= 1, "test_batch must be at least 1, got %d", r.Data.TestBatch)
	p.add(r.Data.Normalize.Validate())
	p.add(r.Model.Validate())
	p.that(r.Model.InChannels == 1 && r.Model.Size == [2]int{mnist.Side, mnist.Side} && r.Model.Classes == mnist.Classes,
		"the model must take 1x%[1]dx%[1]d images of %[2]d classes", mnist.Side, mnist.Classes)
	p.add(r.Loss.Validate())
	p.that(r.Loss.Reduction == loss.Mean, "the reduction of the loss must be the mean, got %v", r.Loss.Reduction)
	p.that(r.Optimizer.LR != 0, "lr must be above 0, got 0")
	p.add(r.Optimizer.Validate())
	p.add(r.Schedule.Validate())
	p.that(r.LogEvery >= 1, "log_every must be at least 1, got %d", r.LogEvery)
	p.add(r.Machine.Validate())
	return p.err()
}
