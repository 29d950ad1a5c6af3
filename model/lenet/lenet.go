// Package lenet is a convolutional network for small images, after LeNet-5: two
// convolutions with pooling, two linear layers.
//
// Source: LeCun and others, "Gradient-based learning applied to document
// recognition" (1998), section II, with ReLU, maxima and wider layers.
package lenet

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// Config describes a [Model].
type Config struct {
	InChannels int     `json:"in_channels" yaml:"in_channels"` // of the image
	Size       [2]int  `json:"size" yaml:"size"`               // of the image, Y and X
	Channels   [2]int  `json:"channels" yaml:"channels"`       // of the convolutions
	Hidden     int     `json:"hidden" yaml:"hidden"`           // width before the last layer
	Classes    int     `json:"classes" yaml:"classes"`
	Dropout    float64 `json:"dropout" yaml:"dropout"` // before the last layer
}

// MNIST has 32 and 64 channels and a hidden width of 512, for 28x28 grey images
// of 10 classes.
func MNIST() Config {
	return Config{InChannels: 1, Size: [2]int{28, 28}, Channels: [2]int{32, 64}, Hidden: 512, Classes: 10}
}

const kernel, pool = 5, 2

// features is the number of values that the convolutions leave of an image.
func (cfg Config) features() int {
	n := cfg.Channels[1]
	for _, d := range cfg.Size {
		for range 2 {
			d = (d - kernel + 1) / pool
		}
		n *= d
	}
	return n
}

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	var errs []error
	add := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("lenet: %s: %w", what, err))
		}
	}
	add("conv1", nn.DefaultConv2d(cfg.InChannels, cfg.Channels[0], kernel).Validate())
	add("conv2", nn.DefaultConv2d(cfg.Channels[0], cfg.Channels[1], kernel).Validate())
	if smallest := (1*pool+kernel-1)*pool + kernel - 1; min(cfg.Size[0], cfg.Size[1]) < smallest {
		add("size", fmt.Errorf("an image must be at least %dx%d, got %dx%d", smallest, smallest, cfg.Size[0], cfg.Size[1]))
	} else {
		add("fc1", nn.DefaultLinear(cfg.features(), cfg.Hidden).Validate())
	}
	add("fc2", nn.DefaultLinear(cfg.Hidden, cfg.Classes).Validate())
	if !(cfg.Dropout >= 0 && cfg.Dropout <= 1) {
		add("dropout", fmt.Errorf("probability %v is outside 0..1", cfg.Dropout))
	}
	return errors.Join(errs...)
}

// Model is twice convolution 5x5, ReLU and maxima of 2x2, then linear, ReLU,
// dropout, linear. Its keys are conv1, conv2, fc1 and fc2, each with weight and
// bias; fc1 reads the features in the order C, Y, X.
type Model struct {
	Config       Config `param:"-"`
	Conv1, Conv2 *nn.Conv2d
	Pool         *nn.MaxPool2d
	FC1, FC2     *nn.Linear
	Drop         *nn.Dropout
}

// New makes a model.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Model{
		Config: cfg,
		Conv1:  nn.NewConv2d(cfg.InChannels, cfg.Channels[0], kernel),
		Conv2:  nn.NewConv2d(cfg.Channels[0], cfg.Channels[1], kernel),
		Pool:   nn.NewMaxPool2d(pool),
		FC1:    nn.NewLinear(cfg.features(), cfg.Hidden),
		FC2:    nn.NewLinear(cfg.Hidden, cfg.Classes),
		Drop:   nn.NewDropout(cfg.Dropout),
	}, nil
}

// Forward gives the logits [B classes] of images x [B C Y X].
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	x = m.Pool.Forward(c, ops.ReLU(m.Conv1.Forward(c, x)))
	x = m.Pool.Forward(c, ops.ReLU(m.Conv2.Forward(c, x)))
	x = ops.ReLU(m.FC1.Forward(c, ops.Flatten(x, 1)))
	return m.FC2.Forward(c, m.Drop.Forward(c, x))
}
