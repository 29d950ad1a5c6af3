// Package mobilenet is MobileNet-V2: a network for images of inverted
// residuals, whose convolutions 3x3 see one channel each.
//
// Source: Sandler and others, "MobileNetV2: inverted residuals and linear
// bottlenecks" (2018), table 2; keys, rounding and initial values as in
// torchvision's mobilenet_v2.
package mobilenet

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
	InChannels int     `json:"in_channels" yaml:"in_channels"` // of the image
	Stem       int     `json:"stem" yaml:"stem"`               // channels of the first convolution
	StemStride int     `json:"stem_stride" yaml:"stem_stride"` // of the first convolution: 2 halves the image, 1 suits small ones
	Stages     []Stage `json:"stages" yaml:"stages"`
	Last       int     `json:"last" yaml:"last"`       // channels of the last convolution
	Width      float64 `json:"width" yaml:"width"`     // multiplies all channels, those of the last convolution only if above 1
	Divisor    int     `json:"divisor" yaml:"divisor"` // channels are rounded to multiples of it
	Dropout    float64 `json:"dropout" yaml:"dropout"` // probability, before the last layer
	Classes    int     `json:"classes" yaml:"classes"`
}

// Stage is inverted residuals of the same width.
type Stage struct {
	Expand   int `json:"expand" yaml:"expand"`     // how many times the channels of a block are more inside it
	Channels int `json:"channels" yaml:"channels"` // before they are multiplied and rounded
	Blocks   int `json:"blocks" yaml:"blocks"`
	Stride   int `json:"stride" yaml:"stride"` // of the first block
}

// V2 is the network for ImageNet: 224x224 colour images of 1000 classes.
func V2() Config {
	return Config{
		InChannels: 3, Stem: 32, StemStride: 2, Last: 1280, Width: 1, Divisor: 8, Dropout: 0.2, Classes: 1000,
		Stages: []Stage{{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}},
	}
}

// Variants are the networks that have a name.
func Variants() []config.Kind { return []config.Kind{{Name: "mobilenet_v2", Default: V2()}} }

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "mobilenet"}
	p.Within("in channels", cfg.InChannels, block.MaxChannels)
	p.Within("stem", cfg.Stem, block.MaxChannels)
	p.Within("stem stride", cfg.StemStride, 2)
	p.Within("last", cfg.Last, block.MaxChannels)
	p.Within("divisor", cfg.Divisor, block.MaxChannels)
	p.Within("classes", cfg.Classes, block.MaxChannels)
	for i, s := range cfg.Stages {
		at := fmt.Sprintf("stage %d: ", i)
		p.Within(at+"expand", s.Expand, 1<<10)
		p.Within(at+"channels", s.Channels, block.MaxChannels)
		p.Within(at+"blocks", s.Blocks, block.MaxBlocks)
		p.Within(at+"stride", s.Stride, 2)
	}
	p.Factor("width", cfg.Width)
	p.Probability("dropout", cfg.Dropout)
	return p.Join()
}

// channels multiplies a number of channels by width, and rounds it.
func (cfg Config) channels(n int, width float64) int {
	return block.Divisible(float64(n)*width, cfg.Divisor)
}

// Model is a convolution, inverted residuals, a convolution 1x1, the mean over
// the image and a linear layer. Its keys are torchvision's: features.0.0.weight,
// features.1.conv.0.0.weight, classifier.1.weight and so on.
type Model struct {
	Config     Config `param:"-"`
	Features   *nn.Sequential
	Classifier *nn.Sequential // dropout, linear
}

// New makes a model. Convolutions are drawn from N(0, 2/(fan out)), the last
// layer from N(0, 0.01^2); the scales of batch norm are 1, biases 0.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	width := cfg.channels(cfg.Stem, cfg.Width)
	features := []nn.Forwarder{convNorm(cfg.InChannels, width, 3, cfg.StemStride, 1)}
	for _, s := range cfg.Stages {
		to := cfg.channels(s.Channels, cfg.Width)
		stride := s.Stride
		for range s.Blocks {
			features = append(features, newBlock(width, to, stride, s.Expand))
			width, stride = to, 1
		}
	}
	last := cfg.channels(cfg.Last, max(1, cfg.Width))
	features = append(features, convNorm(width, last, 1, 1, 1))
	head := nn.NewLinear(last, cfg.Classes)
	head.Weight.Init, head.Bias.Init = nn.Normal(0, 0.01), nn.Zeros()
	return &Model{
		Config: cfg, Features: nn.NewSequential(features...),
		Classifier: nn.NewSequential(nn.NewDropout(cfg.Dropout), head),
	}, nil
}

// convNorm is convolution, batch norm and ReLU6.
func convNorm(in, out, kernel, stride, groups int) *nn.Sequential {
	return block.DefaultNorm().ConvNorm(in, out, kernel, stride, groups, &nn.ReLU6{})
}

// Forward gives the logits [B Classes] of images x [B InChannels Y X].
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return m.Classifier.Forward(c, ops.Mean(m.Features.Forward(c, x), 2, 3))
}

// Block is an inverted residual: convolution 1x1 to more channels, left out
// where there are no more; 3x3 of each channel alone; 1x1 to the result, which
// is added to the operand where they have the same shape.
type Block struct {
	Conv     *nn.Sequential
	Shortcut bool `param:"-"`
}

func newBlock(in, out, stride, expand int) *Block {
	inner := in * expand
	var parts []nn.Forwarder
	if expand != 1 {
		parts = append(parts, convNorm(in, inner, 1, 1, 1))
	}
	parts = append(parts, convNorm(inner, inner, 3, stride, inner), block.Conv(inner, out, 1, 1, 1), nn.NewBatchNorm2d(out))
	return &Block{Conv: nn.NewSequential(parts...), Shortcut: stride == 1 && in == out}
}

// Forward is x [B C Y X] to [B C' Y/stride X/stride].
func (b *Block) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(b)()
	y := b.Conv.Forward(c, x)
	if b.Shortcut {
		y = ops.Add(x, y)
	}
	return y
}
