// Package efficientnet is EfficientNet: inverted residuals with
// squeeze-and-excitation, whose width and depth grow together from B0 to B7; and
// EfficientNet-V2, whose first stages have whole convolutions inside.
//
// Source: Tan and Le, "EfficientNet: rethinking model scaling for convolutional
// neural networks" (2019), table 1, and "EfficientNetV2: smaller models and faster
// training" (2021), table 4; keys, rounding, batch norm, stochastic depth and
// initial values as in torchvision's EfficientNet.
package efficientnet

import (
	"fmt"
	"math"

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
	Last       *int    `json:"last" yaml:"last"`           // channels of the last convolution; null is four times those of the last stage
	Width      float64 `json:"width" yaml:"width"`         // multiplies the channels of stem and stages
	Depth      float64 `json:"depth" yaml:"depth"`         // multiplies the blocks of stages, rounded up
	Divisor    int     `json:"divisor" yaml:"divisor"`     // channels are rounded to multiples of it
	Dropout    float64 `json:"dropout" yaml:"dropout"`     // probability, before the last layer
	DropPath   float64 `json:"drop_path" yaml:"drop_path"` // probability that a block is left out, as it would be after the last; it grows from 0 with the depth
	Classes    int     `json:"classes" yaml:"classes"`
	block.Norm `yaml:",inline"`
}

// Stage is inverted residuals of the same width.
type Stage struct {
	Fused    bool    `json:"fused" yaml:"fused"`       // one whole convolution in place of 1x1 and one of each channel; without squeeze-and-excitation
	Expand   float64 `json:"expand" yaml:"expand"`     // how many times the channels of a block are more inside it
	Kernel   int     `json:"kernel" yaml:"kernel"`     // odd
	Stride   int     `json:"stride" yaml:"stride"`     // of the first block
	Channels int     `json:"channels" yaml:"channels"` // before they are multiplied and rounded
	Blocks   int     `json:"blocks" yaml:"blocks"`     // before they are multiplied
}

// B0 is the network for 224x224 colour images of 1000 classes.
func B0() Config { return scaled(1, 1, 0.2) }

// scaled is B0 made wider and deeper.
func scaled(width, depth, dropout float64) Config {
	return Config{
		InChannels: 3, Stem: 32, StemStride: 2, Width: width, Depth: depth, Divisor: 8, Dropout: dropout, DropPath: 0.2, Classes: 1000,
		Norm: block.DefaultNorm(),
		Stages: []Stage{
			{false, 1, 3, 1, 16, 1}, {false, 6, 3, 2, 24, 2}, {false, 6, 5, 2, 40, 2}, {false, 6, 3, 2, 80, 3},
			{false, 6, 5, 1, 112, 3}, {false, 6, 5, 2, 192, 4}, {false, 6, 3, 1, 320, 1},
		},
	}
}

// V2S is the smallest EfficientNet-V2, for 384x384 colour images of 1000 classes.
func V2S() Config {
	return v2(24, 0.2, Stage{true, 1, 3, 1, 24, 2}, Stage{true, 4, 3, 2, 48, 4}, Stage{true, 4, 3, 2, 64, 4},
		Stage{false, 4, 3, 2, 128, 6}, Stage{false, 6, 3, 1, 160, 9}, Stage{false, 6, 3, 2, 256, 15})
}

// V2M is for 480x480 colour images, and so is [V2L].
func V2M() Config {
	return v2(24, 0.3, Stage{true, 1, 3, 1, 24, 3}, Stage{true, 4, 3, 2, 48, 5}, Stage{true, 4, 3, 2, 80, 5},
		Stage{false, 4, 3, 2, 160, 7}, Stage{false, 6, 3, 1, 176, 14}, Stage{false, 6, 3, 2, 304, 18}, Stage{false, 6, 3, 1, 512, 5})
}

// V2L is larger than [V2M].
func V2L() Config {
	return v2(32, 0.4, Stage{true, 1, 3, 1, 32, 4}, Stage{true, 4, 3, 2, 64, 7}, Stage{true, 4, 3, 2, 96, 7},
		Stage{false, 4, 3, 2, 192, 10}, Stage{false, 6, 3, 1, 224, 19}, Stage{false, 6, 3, 2, 384, 25}, Stage{false, 6, 3, 1, 640, 7})
}

func v2(stem int, dropout float64, stages ...Stage) Config {
	return Config{
		InChannels: 3, Stem: stem, StemStride: 2, Stages: stages, Last: new(1280), Width: 1, Depth: 1, Divisor: 8,
		Dropout: dropout, DropPath: 0.2, Classes: 1000, Norm: block.Norm{Eps: 1e-3, Momentum: 0.1},
	}
}

// Variants are the networks that have a name, as torchvision names them.
func Variants() []config.Kind {
	list := []config.Kind{}
	for i, s := range [][3]float64{{1, 1, 0.2}, {1, 1.1, 0.2}, {1.1, 1.2, 0.3}, {1.2, 1.4, 0.3}, {1.4, 1.8, 0.4}, {1.6, 2.2, 0.4}, {1.8, 2.6, 0.5}, {2, 3.1, 0.5}} {
		cfg := scaled(s[0], s[1], s[2])
		if i >= 5 {
			cfg.Norm = block.Norm{Eps: 1e-3, Momentum: 0.01}
		}
		list = append(list, config.Kind{Name: fmt.Sprintf("efficientnet_b%d", i), Default: cfg})
	}
	return append(list, config.Kind{Name: "efficientnet_v2_s", Default: V2S()},
		config.Kind{Name: "efficientnet_v2_m", Default: V2M()}, config.Kind{Name: "efficientnet_v2_l", Default: V2L()})
}

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "efficientnet"}
	p.Within("in_channels", cfg.InChannels, block.MaxChannels)
	p.Within("stem", cfg.Stem, block.MaxChannels)
	p.Within("stem_stride", cfg.StemStride, 2)
	p.Within("stages: their number", len(cfg.Stages), block.MaxBlocks)
	for i, s := range cfg.Stages {
		at := fmt.Sprintf("stages.%d.", i)
		p.Factor(at+"expand", s.Expand)
		if s.Kernel < 1 || s.Kernel > 1<<10 || s.Kernel%2 == 0 {
			p.Add("%skernel must be odd and in 1..1023, got %d", at, s.Kernel)
		}
		p.Within(at+"stride", s.Stride, 2)
		p.Within(at+"channels", s.Channels, block.MaxChannels)
		p.Within(at+"blocks", s.Blocks, block.MaxBlocks)
	}
	if cfg.Last != nil {
		p.Within("last", *cfg.Last, block.MaxChannels)
	}
	p.Factor("width", cfg.Width)
	p.Factor("depth", cfg.Depth)
	p.Within("divisor", cfg.Divisor, block.MaxChannels)
	p.Within("classes", cfg.Classes, block.MaxChannels)
	p.Probability("dropout", cfg.Dropout)
	p.Probability("drop_path", cfg.DropPath)
	p.Norm(cfg.Norm)
	return p.Join()
}

// channels multiplies a number of channels, and rounds it.
func (cfg Config) channels(n int, by float64) int {
	return block.Divisible(float64(n)*by, cfg.Divisor)
}

// blocks is the number of blocks of a stage.
func (cfg Config) blocks(s Stage) int { return int(math.Ceil(float64(s.Blocks) * cfg.Depth)) }

// Model is a convolution, stages of inverted residuals, a convolution 1x1, the
// mean over the image and a linear layer. Its keys are torchvision's:
// features.0.0.weight, features.1.0.block.0.0.weight,
// features.1.0.block.1.fc1.weight, classifier.1.weight and so on.
type Model struct {
	Config     Config `param:"-"`
	Features   *nn.Sequential
	Classifier *nn.Sequential // dropout, linear
}

// New makes a model. Convolutions are drawn from N(0, 2/(fan out)), the last layer
// evenly from -1/sqrt(Classes) to 1/sqrt(Classes); the scales of batch norm are 1,
// biases 0.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	width, depth, all := cfg.channels(cfg.Stem, cfg.Width), 0, 0
	for _, s := range cfg.Stages {
		all += cfg.blocks(s)
	}
	features := []nn.Forwarder{cfg.ConvNorm(cfg.InChannels, width, 3, cfg.StemStride, 1, &nn.SiLU{})}
	for _, s := range cfg.Stages {
		stage := nn.NewSequential()
		to := cfg.channels(s.Channels, cfg.Width)
		for range cfg.blocks(s) {
			stage.Modules = append(stage.Modules, cfg.block(width, to, s, cfg.DropPath*float64(depth)/float64(all)))
			width, s.Stride = to, 1
			depth++
		}
		features = append(features, stage)
	}
	last := 4 * width
	if cfg.Last != nil {
		last = *cfg.Last
	}
	features = append(features, cfg.ConvNorm(width, last, 1, 1, 1, &nn.SiLU{}))
	head := nn.NewLinear(last, cfg.Classes)
	bound := 1 / math.Sqrt(float64(cfg.Classes))
	head.Weight.Init, head.Bias.Init = nn.Uniform(-bound, bound), nn.Zeros()
	return &Model{
		Config: cfg, Features: nn.NewSequential(features...),
		Classifier: nn.NewSequential(nn.NewDropout(cfg.Dropout), head),
	}, nil
}

// Forward gives the logits [B Classes] of images x [B InChannels Y X].
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return m.Classifier.Forward(c, ops.Mean(m.Features.Forward(c, x), 2, 3))
}

// Block is an inverted residual: convolution 1x1 to more channels, left out where
// there are no more; one of each channel alone; squeeze-and-excitation; 1x1 to the
// result. A fused one has a whole convolution and 1x1, or a single whole
// convolution where there are no more channels inside. The result is added to the
// operand where they have the same shape, but for the examples that are left out.
type Block struct {
	Block    *nn.Sequential
	DropPath *nn.DropPath
	Shortcut bool `param:"-"`
}

func (cfg Config) block(in, out int, s Stage, drop float64) *Block {
	inner := cfg.channels(in, s.Expand)
	var parts []nn.Forwarder
	switch {
	case s.Fused && inner == in:
		parts = append(parts, cfg.ConvNorm(in, out, s.Kernel, s.Stride, 1, &nn.SiLU{}))
	case s.Fused:
		parts = append(parts, cfg.ConvNorm(in, inner, s.Kernel, s.Stride, 1, &nn.SiLU{}), cfg.ConvNorm(inner, out, 1, 1, 1, nil))
	default:
		if inner != in {
			parts = append(parts, cfg.ConvNorm(in, inner, 1, 1, 1, &nn.SiLU{}))
		}
		parts = append(parts, cfg.ConvNorm(inner, inner, s.Kernel, s.Stride, inner, &nn.SiLU{}),
			block.NewSqueezeExcitation(inner, max(1, in/4), ops.SiLU, ops.Sigmoid), cfg.ConvNorm(inner, out, 1, 1, 1, nil))
	}
	return &Block{nn.NewSequential(parts...), nn.NewDropPath(drop), s.Stride == 1 && in == out}
}

// Forward is x [B C Y X] to [B C' Y/stride X/stride].
func (b *Block) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(b)()
	y := b.Block.Forward(c, x)
	if b.Shortcut {
		y = ops.Add(x, b.DropPath.Forward(c, y))
	}
	return y
}
