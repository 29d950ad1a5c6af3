// Package mlp is the multilayer perceptron: linear layers with ReLU between.
package mlp

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// Config describes a [Model].
type Config struct {
	// Sizes are the widths from the input over the hidden layers to the output.
	Sizes []int `json:"sizes" yaml:"sizes"`
}

// MNIST is 784-128-10.
func MNIST() Config { return Config{Sizes: []int{28 * 28, 128, 10}} }

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	var errs []error
	if len(cfg.Sizes) < 2 {
		errs = append(errs, fmt.Errorf("mlp: sizes must name at least an input and an output, got %v", cfg.Sizes))
	}
	for i := range len(cfg.Sizes) - 1 {
		if err := nn.DefaultLinear(cfg.Sizes[i], cfg.Sizes[i+1]).Validate(); err != nil {
			errs = append(errs, fmt.Errorf("mlp: layer %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

// Model is linear, ReLU, linear, ..., linear. Its keys are fc1.weight, fc1.bias,
// fc2.weight and so on.
type Model struct {
	Config Config       `param:"-"`
	Layers []*nn.Linear `param:"fc#1"`
}

// New makes a model.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Model{Config: cfg}
	for i := range len(cfg.Sizes) - 1 {
		m.Layers = append(m.Layers, nn.NewLinear(cfg.Sizes[i], cfg.Sizes[i+1]))
	}
	return m, nil
}

// Forward gives the logits [B classes] of x [B ...]; the axes after the first
// are merged.
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	x = ops.Flatten(x, 1)
	for i, l := range m.Layers {
		if i > 0 {
			x = ops.ReLU(x)
		}
		x = l.Forward(c, x)
	}
	return x
}
