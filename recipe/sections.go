package recipe

import (
	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/train"
)

// Format is the version of the format of recipes.
const Format = 1

// A Recipe is an experiment: data, model and everything that decides what comes
// of them. The same recipe on the same data gives the same bits on the same
// instruction set.
type Recipe struct {
	Format     int                  `json:"format" yaml:"format"` // version of the format
	Name       string               `json:"name" yaml:"name"`     // of the run folder
	Seed       uint64               `json:"seed" yaml:"seed"`     // of everything that is drawn
	Data       Data                 `json:"data" yaml:"data"`
	Model      model.Config         `json:"model" yaml:"model"`             // a family with its options, or a list of layers
	Loss       []Loss               `json:"loss" yaml:"loss,one"`           // of each target
	Optimizer  []Optimizer          `json:"optimizer" yaml:"optimizer,one"` // of each set of keys
	Schedule   schedule.Config      `json:"schedule" yaml:"schedule"`       // of the learning rate
	Strategy   train.Strategy       `json:"strategy" yaml:"strategy"`
	Evaluate   train.EvaluateConfig `json:"evaluate" yaml:"evaluate"`
	Checkpoint checkpoint.Config    `json:"checkpoint" yaml:"checkpoint"`
	Log        train.LogConfig      `json:"log" yaml:"log"`
	Machine    Machine              `json:"machine" yaml:"machine"`
}

// A Loss is what one target is trained by.
type Loss struct {
	Target *string     `json:"target" yaml:"target"` // name of the target; null where there is only one
	Weight float64     `json:"weight" yaml:"weight"` // factor in the sum of the losses
	Config loss.Config `json:",inline" yaml:",inline"`
}

// An Optimizer updates some of the parameters.
type Optimizer struct {
	Keys   []string     `json:"keys" yaml:"keys"` // globs of keys of parameters; null for all that no other optimizer names
	Config optim.Config `json:",inline" yaml:",inline"`
}

// Data says where examples come from and how they become batches.
type Data struct {
	Train      source.Config   `json:"train" yaml:"train"`           // what is learnt from
	Validation *Part           `json:"validation" yaml:"validation"` // what choices are made by; null for none
	Test       *Part           `json:"test" yaml:"test"`             // what the result is measured on, once, at the end; null for none
	Split      source.Split    `json:"split" yaml:"split"`           // how shares are drawn
	Inputs     []feature.Named `json:"inputs" yaml:"inputs"`         // what the model sees
	Targets    []feature.Named `json:"targets" yaml:"targets"`       // what it is to find
	Weight     *string         `json:"weight" yaml:"weight"`         // column of the weight of each example; null for ones
	Batch      int             `json:"batch" yaml:"batch"`           // examples of a training step
	Shuffle    bool            `json:"shuffle" yaml:"shuffle"`       // a new order each epoch
	DropLast   bool            `json:"drop_last" yaml:"drop_last"`   // leave out a last batch that is not full
	Sample     *Sampling       `json:"sample" yaml:"sample"`         // draws rows of training with replacement; null reads each once an epoch
	Stream     *Streaming      `json:"stream" yaml:"stream"`         // reads rows of training one after another; null in any order
	Pad        *data.Padding   `json:"pad" yaml:"pad"`               // for examples of different lengths
	Workers    int             `json:"workers" yaml:"workers"`       // that make batches beside the training; no influence on results
}

// A Part is the validation or the test data.
type Part struct {
	Share  *float64      `json:"share" yaml:"share"`   // of the rows of data.train, which are taken out of it
	Source source.Config `json:"source" yaml:"source"` // or a source of its own
}

// Default has the settings that a key leaves when it is missing.
func Default() Recipe {
	return Recipe{
		Format: Format, Seed: 1,
		Data:       Data{Batch: 32, Shuffle: true, Workers: 1},
		Schedule:   schedule.Constant{},
		Strategy:   train.DefaultStrategy(),
		Evaluate:   train.EvaluateConfig{EveryEpochs: new(1), Batch: 256},
		Checkpoint: checkpoint.DefaultConfig(),
		Log:        train.LogConfig{EverySteps: 20, TensorBoard: true},
		Machine:    ThisMachine(),
	}
}
