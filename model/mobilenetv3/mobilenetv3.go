// Package mobilenetv3 is MobileNet-V3: inverted residuals as in MobileNet-V2, some
// with squeeze-and-excitation, with activations that are cheap to compute.
//
// Source: Howard and others, "Searching for MobileNetV3" (2019), tables 1 and 2;
// keys, rounding, batch norm and initial values as in torchvision's MobileNetV3.
package mobilenetv3

import (
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// Config describes a [Model].
type Config struct {
	InChannels int        `json:"in_channels" yaml:"in_channels"` // of the image
	Stem       int        `json:"stem" yaml:"stem"`               // channels of the first convolution
	StemStride int        `json:"stem_stride" yaml:"stem_stride"` // of the first convolution: 2 halves the image, 1 suits small ones
	Residuals  []Residual `json:"residuals" yaml:"residuals"`
	Hidden     int        `json:"hidden" yaml:"hidden"`   // width between the two last layers
	Width      float64    `json:"width" yaml:"width"`     // multiplies all channels
	Divisor    int        `json:"divisor" yaml:"divisor"` // channels are rounded to multiples of it
	Dropout    float64    `json:"dropout" yaml:"dropout"` // probability, before the last layer
	Classes    int        `json:"classes" yaml:"classes"`
	block.Norm `yaml:",inline"`
}

// A Residual is one inverted residual.
type Residual struct {
	Kernel            int  `json:"kernel" yaml:"kernel"`                         // of the convolution that sees one channel each, odd
	Expanded          int  `json:"expanded" yaml:"expanded"`                     // channels inside, before they are multiplied and rounded
	Channels          int  `json:"channels" yaml:"channels"`                     // of the result, as expanded
	SqueezeExcitation bool `json:"squeeze_excitation" yaml:"squeeze_excitation"` // scales the channels inside
	Hardswish         bool `json:"hardswish" yaml:"hardswish"`                   // in place of ReLU
	Stride            int  `json:"stride" yaml:"stride"`
}

// Large is the network for 224x224 colour images of 1000 classes.
func Large() Config {
	return imageNet(1280,
		Residual{3, 16, 16, false, false, 1},
		Residual{3, 64, 24, false, false, 2}, Residual{3, 72, 24, false, false, 1},
		Residual{5, 72, 40, true, false, 2}, Residual{5, 120, 40, true, false, 1}, Residual{5, 120, 40, true, false, 1},
		Residual{3, 240, 80, false, true, 2}, Residual{3, 200, 80, false, true, 1}, Residual{3, 184, 80, false, true, 1}, Residual{3, 184, 80, false, true, 1},
		Residual{3, 480, 112, true, true, 1}, Residual{3, 672, 112, true, true, 1},
		Residual{5, 672, 160, true, true, 2}, Residual{5, 960, 160, true, true, 1}, Residual{5, 960, 160, true, true, 1})
}

// Small is a smaller network for the same images as [Large].
func Small() Config {
	return imageNet(1024,
		Residual{3, 16, 16, true, false, 2},
		Residual{3, 72, 24, false, false, 2}, Residual{3, 88, 24, false, false, 1},
		Residual{5, 96, 40, true, true, 2}, Residual{5, 240, 40, true, true, 1}, Residual{5, 240, 40, true, true, 1},
		Residual{5, 120, 48, true, true, 1}, Residual{5, 144, 48, true, true, 1},
		Residual{5, 288, 96, true, true, 2}, Residual{5, 576, 96, true, true, 1}, Residual{5, 576, 96, true, true, 1})
}

func imageNet(hidden int, residuals ...Residual) Config {
	return Config{
		InChannels: 3, Stem: 16, StemStride: 2, Residuals: residuals, Hidden: hidden, Width: 1, Divisor: 8, Dropout: 0.2, Classes: 1000,
		Norm: block.Norm{Eps: 1e-3, Momentum: 0.01},
	}
}

// Variants are the networks that have a name, as torchvision names them.
func Variants() []config.Kind {
	return []config.Kind{{Name: "mobilenet_v3_small", Default: Small()}, {Name: "mobilenet_v3_large", Default: Large()}}
}

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "mobilenet_v3"}
	p.Within("in_channels", cfg.InChannels, block.MaxChannels)
	p.Within("stem", cfg.Stem, block.MaxChannels)
	p.Within("stem_stride", cfg.StemStride, 2)
	p.Within("residuals: their number", len(cfg.Residuals), block.MaxBlocks)
	for i, r := range cfg.Residuals {
		at := fmt.Sprintf("residuals.%d.", i)
		if r.Kernel < 1 || r.Kernel > 1<<10 || r.Kernel%2 == 0 {
			p.Add("%skernel must be odd and in 1..1023, got %d", at, r.Kernel)
		}
		p.Within(at+"expanded", r.Expanded, block.MaxChannels)
		p.Within(at+"channels", r.Channels, block.MaxChannels)
		p.Within(at+"stride", r.Stride, 2)
	}
	p.Within("hidden", cfg.Hidden, block.MaxChannels)
	p.Within("divisor", cfg.Divisor, block.MaxChannels)
	p.Within("classes", cfg.Classes, block.MaxChannels)
	p.Factor("width", cfg.Width)
	p.Probability("dropout", cfg.Dropout)
	p.Norm(cfg.Norm)
	return p.Join()
}

// channels multiplies a number of channels by the width, and rounds it.
func (cfg Config) channels(n int) int { return block.Divisible(float64(n)*cfg.Width, cfg.Divisor) }

// Model is a convolution, inverted residuals, a convolution 1x1 to six times the
// channels, the mean over the image and two linear layers. Its keys are
// torchvision's: features.0.0.weight, features.1.block.0.0.weight,
// features.4.block.2.fc1.weight, classifier.0.weight and so on.
type Model struct {
	Config     Config `param:"-"`
	Features   *nn.Sequential
	Classifier *nn.Sequential // linear, hardswish, dropout, linear
}

// New makes a model. Convolutions are drawn from N(0, 2/(fan out)), linear layers
// from N(0, 0.01^2); the scales of batch norm are 1, biases 0.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	width := cfg.channels(cfg.Stem)
	features := []nn.Forwarder{cfg.ConvNorm(cfg.InChannels, width, 3, cfg.StemStride, 1, &nn.Hardswish{})}
	for _, r := range cfg.Residuals {
		features = append(features, cfg.block(width, r))
		width = cfg.channels(r.Channels)
	}
	features = append(features, cfg.ConvNorm(width, 6*width, 1, 1, 1, &nn.Hardswish{}))
	hidden := cfg.channels(cfg.Hidden)
	return &Model{
		Config: cfg, Features: nn.NewSequential(features...),
		Classifier: nn.NewSequential(linear(6*width, hidden), &nn.Hardswish{}, nn.NewDropout(cfg.Dropout), linear(hidden, cfg.Classes)),
	}, nil
}

func linear(in, out int) *nn.Linear {
	l := nn.NewLinear(in, out)
	l.Weight.Init, l.Bias.Init = nn.Normal(0, 0.01), nn.Zeros()
	return l
}

// Forward gives the logits [B Classes] of images x [B InChannels Y X].
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return m.Classifier.Forward(c, ops.Mean(m.Features.Forward(c, x), 2, 3))
}

// Block is an inverted residual: convolution 1x1 to more channels, left out where
// there are no more; one of each channel alone; squeeze-and-excitation; 1x1 to the
// result, which is added to the operand where they have the same shape.
type Block struct {
	Block    *nn.Sequential
	Shortcut bool `param:"-"`
}

func (cfg Config) block(in int, r Residual) *Block {
	inner, out := cfg.channels(r.Expanded), cfg.channels(r.Channels)
	var activation nn.Forwarder = &nn.ReLU{}
	if r.Hardswish {
		activation = &nn.Hardswish{}
	}
	var parts []nn.Forwarder
	if inner != in {
		parts = append(parts, cfg.ConvNorm(in, inner, 1, 1, 1, activation))
	}
	parts = append(parts, cfg.ConvNorm(inner, inner, r.Kernel, r.Stride, inner, activation))
	if r.SqueezeExcitation {
		squeeze := block.Divisible(float64(inner/4), cfg.Divisor)
		parts = append(parts, block.NewSqueezeExcitation(inner, squeeze, ops.ReLU, ops.Hardsigmoid))
	}
	parts = append(parts, cfg.ConvNorm(inner, out, 1, 1, 1, nil))
	return &Block{Block: nn.NewSequential(parts...), Shortcut: r.Stride == 1 && in == out}
}

// Forward is x [B C Y X] to [B C' Y/stride X/stride].
func (b *Block) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(b)()
	y := b.Block.Forward(c, x)
	if b.Shortcut {
		y = ops.Add(x, y)
	}
	return y
}
