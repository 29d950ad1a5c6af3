package optim

import (
	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/module"
)

// A Config is the settings of an optimizer as data: a struct in which [Common]
// is embedded.
type Config interface {
	Rule
	// Build makes an optimizer of one group.
	Build(params []module.Named) (Optimizer, error)
	// Shared is Common.
	Shared() Common
}

// Kinds lists the optimizers, the most usual first.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "adamw", Default: DefaultAdamW()},
		{Name: "sgd", Default: DefaultSGD()},
		{Name: "adam", Default: DefaultAdam()},
		{Name: "rmsprop", Default: DefaultRMSprop()},
		{Name: "adagrad", Default: DefaultAdaGrad()},
		{Name: "adam_8bit", Default: DefaultAdam8Bit()},
		{Name: "adamw_8bit", Default: DefaultAdamW8Bit()},
		{Name: "lion", Default: DefaultLion()},
		{Name: "lamb", Default: DefaultLAMB()},
		{Name: "lars", Default: DefaultLARS()},
		{Name: "soap", Default: DefaultSOAP()},
		{Name: "lookahead", Default: DefaultLookahead()},
		{Name: "adadelta", Default: DefaultAdadelta()},
		{Name: "adamax", Default: DefaultAdamax()},
		{Name: "nadam", Default: DefaultNAdam()},
		{Name: "radam", Default: DefaultRAdam()},
		{Name: "rprop", Default: DefaultRprop()},
		{Name: "asgd", Default: DefaultASGD()},
		{Name: "adafactor", Default: DefaultAdafactor()},
		{Name: "sparse_adam", Default: DefaultSparseAdam()},
		{Name: "muon", Default: DefaultMuon()},
		{Name: "ftrl", Default: DefaultFtrl()},
		{Name: "sgd_schedule_free", Default: DefaultSGDScheduleFree()},
		{Name: "adamw_schedule_free", Default: DefaultAdamWScheduleFree()},
	}
}

// Common has the settings that every optimizer has.
type Common struct {
	Name     string  `json:"name" yaml:"name"`         // first part of the keys of its state
	LR       float64 `json:"lr" yaml:"lr"`             // where a schedule starts from; a step takes the rate it is given
	Maximize bool    `json:"maximize" yaml:"maximize"` // go up instead of down: gradients change their sign, weight decay does not
}

// common is what an optimizer has by default, at a rate.
func common(lr float64) Common { return Common{Name: "optim", LR: lr} }

// Shared is c, for a Config that it is embedded in.
func (c Common) Shared() Common { return c }

// check begins the Validate of a config.
func (c Common) check() *checker {
	var k checker
	k.atLeast0("lr", c.LR)
	return &k
}

// build makes an optimizer of one group.
func build(cfg Config, params []module.Named) (Optimizer, error) {
	return Build(cfg.Shared().Name, Group{Rule: cfg, Params: params, LRScale: 1})
}
