// Package vgg is VGG: a network for images of convolutions 3x3, with maxima of
// 2x2 after each stage, and three linear layers.
//
// Source: Simonyan and Zisserman, "Very deep convolutional networks for
// large-scale image recognition" (2014), table 1; keys and initial values as in
// torchvision's VGG, with and without batch norm.
package vgg

import (
	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// Config describes a [Model].
type Config struct {
	InChannels int     `json:"in_channels" yaml:"in_channels"` // of the image
	Widths     []int   `json:"widths" yaml:"widths"`           // channels of each stage; each halves the image at its end
	Blocks     []int   `json:"blocks" yaml:"blocks"`           // convolutions of each stage
	BatchNorm  bool    `json:"batch_norm" yaml:"batch_norm"`   // after each convolution
	Grid       int     `json:"grid" yaml:"grid"`               // places in Y and in X that the image is averaged to, or spread, before the linear layers
	Hidden     int     `json:"hidden" yaml:"hidden"`           // width between the linear layers
	Dropout    float64 `json:"dropout" yaml:"dropout"`         // probability, after the first two linear layers
	Classes    int     `json:"classes" yaml:"classes"`
}

// VGG11 is the network of 11 layers for 224x224 colour images of 1000 classes.
func VGG11() Config { return imageNet(1, 1, 2, 2, 2) }

// VGG13 is as [VGG11] with 13 layers.
func VGG13() Config { return imageNet(2, 2, 2, 2, 2) }

// VGG16 is as [VGG11] with 16 layers.
func VGG16() Config { return imageNet(2, 2, 3, 3, 3) }

// VGG19 is as [VGG11] with 19 layers.
func VGG19() Config { return imageNet(2, 2, 4, 4, 4) }

func imageNet(blocks ...int) Config {
	return Config{InChannels: 3, Widths: []int{64, 128, 256, 512, 512}, Blocks: blocks, Grid: 7, Hidden: 4096, Dropout: 0.5, Classes: 1000}
}

// Small is a network for 32x32 colour images of 10 classes: six convolutions with
// batch norm, and linear layers of width 256.
func Small() Config {
	return Config{InChannels: 3, Widths: []int{32, 64, 128}, Blocks: []int{2, 2, 2}, BatchNorm: true, Grid: 4, Hidden: 256, Dropout: 0.5, Classes: 10}
}

// Variants are the networks that have a name, as torchvision names them.
func Variants() []config.Kind {
	var all []config.Kind
	for _, v := range []struct {
		name string
		cfg  Config
	}{{"vgg11", VGG11()}, {"vgg13", VGG13()}, {"vgg16", VGG16()}, {"vgg19", VGG19()}} {
		norm := v.cfg
		norm.BatchNorm = true
		all = append(all, config.Kind{Name: v.name, Default: v.cfg}, config.Kind{Name: v.name + "_bn", Default: norm})
	}
	return all
}

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "vgg"}
	p.Within("in_channels", cfg.InChannels, block.MaxChannels)
	p.Stages(cfg.Widths, cfg.Blocks)
	p.Within("grid", cfg.Grid, 1<<10)
	p.Within("hidden", cfg.Hidden, block.MaxChannels)
	p.Within("classes", cfg.Classes, block.MaxChannels)
	p.Probability("dropout", cfg.Dropout)
	return p.Join()
}

// Model is convolutions, a mean over the cells of a grid, and linear layers. Its
// keys are torchvision's: features.0.weight, classifier.0.weight and so on.
type Model struct {
	Config     Config `param:"-"`
	Features   *nn.Sequential
	AvgPool    *nn.AdaptiveAvgPool2d `param:"avgpool"`
	Classifier *nn.Sequential        // linear, ReLU and dropout twice, linear
}

// New makes a model. Convolutions are drawn from N(0, 2/(fan out)), linear layers
// from N(0, 0.01^2); the scales of batch norm are 1, biases 0.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	var features []nn.Forwarder
	width := cfg.InChannels
	for i, to := range cfg.Widths {
		for range cfg.Blocks[i] {
			features = append(features, conv(width, to))
			if cfg.BatchNorm {
				features = append(features, nn.NewBatchNorm2d(to))
			}
			features = append(features, &nn.ReLU{})
			width = to
		}
		features = append(features, nn.NewMaxPool2d(2))
	}
	return &Model{
		Config: cfg, Features: nn.NewSequential(features...), AvgPool: nn.NewAdaptiveAvgPool2d(cfg.Grid, cfg.Grid),
		Classifier: nn.NewSequential(
			linear(width*cfg.Grid*cfg.Grid, cfg.Hidden), &nn.ReLU{}, nn.NewDropout(cfg.Dropout),
			linear(cfg.Hidden, cfg.Hidden), &nn.ReLU{}, nn.NewDropout(cfg.Dropout),
			linear(cfg.Hidden, cfg.Classes),
		),
	}, nil
}

// conv has a bias also where a batch norm takes it away, as torchvision's has.
func conv(in, out int) *nn.Conv2d {
	cfg := nn.DefaultConv2d(in, out, 3)
	cfg.Padding = [2]int{1, 1}
	l := cfg.Build()
	l.Weight.Init, l.Bias.Init = nn.KaimingNormal(nn.FanOut, nn.ReLUGain), nn.Zeros()
	return l
}

func linear(in, out int) *nn.Linear {
	l := nn.NewLinear(in, out)
	l.Weight.Init, l.Bias.Init = nn.Normal(0, 0.01), nn.Zeros()
	return l
}

// Forward gives the logits [B Classes] of images x [B InChannels Y X].
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return m.Classifier.Forward(c, ops.Flatten(m.AvgPool.Forward(c, m.Features.Forward(c, x)), 1))
}
