package optim

import (
	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/module"
)

// A Config is the settings of an optimizer as data.
type Config interface {
	Rule
	// Rate is the learning rate that a schedule starts from.
	Rate() float64
	// Build makes an optimizer of one group.
	Build(params []module.Named) (Optimizer, error)
}

// Kinds lists the optimizers, the most usual first.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "adamw", Default: DefaultAdamW()},
		{Name: "sgd", Default: DefaultSGD()},
		{Name: "adam", Default: DefaultAdam()},
		{Name: "rmsprop", Default: DefaultRMSprop()},
		{Name: "adagrad", Default: DefaultAdaGrad()},
	}
}

// Rate is LR.
func (cfg SGD) Rate() float64 { return cfg.LR }

// Rate is LR.
func (cfg Adam) Rate() float64 { return cfg.LR }

// Rate is LR.
func (cfg AdamW) Rate() float64 { return cfg.LR }

// Rate is LR.
func (cfg RMSprop) Rate() float64 { return cfg.LR }

// Rate is LR.
func (cfg AdaGrad) Rate() float64 { return cfg.LR }
