// Package convnext is ConvNeXt: a network for images of convolutions 7x7 that see
// one channel each, with a two-layer network at each place behind them.
//
// Source: Liu and others, "A ConvNet for the 2020s" (2022); keys, layer scale,
// stochastic depth and initial values as in torchvision's ConvNeXt.
package convnext

import (
	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// Config describes a [Model].
type Config struct {
	InChannels int     `json:"in_channels" yaml:"in_channels"` // of the image
	Patch      int     `json:"patch" yaml:"patch"`             // of the first convolution: kernel and stride
	Widths     []int   `json:"widths" yaml:"widths"`           // channels of each stage; all but the first halve the image
	Blocks     []int   `json:"blocks" yaml:"blocks"`           // number of blocks of each stage
	LayerScale float64 `json:"layer_scale" yaml:"layer_scale"` // what the scales of branches are at first
	DropPath   float64 `json:"drop_path" yaml:"drop_path"`     // probability that the last block is left out; it grows from 0 with the depth
	Eps        float64 `json:"eps" yaml:"eps"`                 // of the norms
	Classes    int     `json:"classes" yaml:"classes"`
}

// Tiny is the network of 28 million parameters for 224x224 colour images of 1000
// classes.
func Tiny() Config { return imageNet(0.1, 96, 9) }

// Small is as [Tiny], three times as deep.
func Small() Config { return imageNet(0.4, 96, 27) }

// Base is as [Small], and wider.
func Base() Config { return imageNet(0.5, 128, 27) }

// Large is as [Base], and wider.
func Large() Config { return imageNet(0.5, 192, 27) }

func imageNet(drop float64, width, deep int) Config {
	return Config{
		InChannels: 3, Patch: 4, Widths: []int{width, 2 * width, 4 * width, 8 * width}, Blocks: []int{3, 3, deep, 3},
		LayerScale: 1e-6, DropPath: drop, Eps: 1e-6, Classes: 1000,
	}
}

// Nano is a network for 32x32 colour images of 10 classes.
func Nano() Config {
	return Config{
		InChannels: 3, Patch: 2, Widths: []int{40, 80, 160}, Blocks: []int{2, 2, 2},
		LayerScale: 1e-6, Eps: 1e-6, Classes: 10,
	}
}

// Variants are the networks that have a name, as torchvision names them.
func Variants() []config.Kind {
	return []config.Kind{
		{Name: "convnext_tiny", Default: Tiny()}, {Name: "convnext_small", Default: Small()},
		{Name: "convnext_base", Default: Base()}, {Name: "convnext_large", Default: Large()},
	}
}

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "convnext"}
	p.Within("in_channels", cfg.InChannels, block.MaxChannels)
	p.Within("patch", cfg.Patch, 1<<10)
	p.Stages(cfg.Widths, cfg.Blocks)
	p.Within("classes", cfg.Classes, block.MaxChannels)
	p.Probability("drop_path", cfg.DropPath)
	if s := cfg.LayerScale; s-s != 0 {
		p.Add("layer_scale must be finite, got %v", s)
	}
	if !(cfg.Eps >= 0) {
		p.Add("eps must not be negative, got %v", cfg.Eps)
	}
	return p.Join()
}

// Model is a stem of patches, stages of blocks with convolutions 2x2 between, the
// mean over the image, a norm and a linear layer. Its keys are torchvision's:
// features.0.0.weight, features.1.0.block.0.weight, features.1.0.layer_scale,
// features.2.1.weight, classifier.2.weight and so on.
type Model struct {
	Config   Config `param:"-"`
	Features *nn.Sequential
	Norm     *nn.LayerNorm `param:"classifier.0"`
	Head     *nn.Linear    `param:"classifier.2"`
}

// New makes a model. Weights are drawn from N(0, 0.02^2), biases are 0.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	all, depth := 0, 0
	for _, n := range cfg.Blocks {
		all += n
	}
	width := cfg.Widths[0]
	features := []nn.Forwarder{nn.NewSequential(conv(cfg.InChannels, width, cfg.Patch), cfg.places(width))}
	for i, to := range cfg.Widths {
		if i > 0 {
			features = append(features, nn.NewSequential(cfg.places(width), conv(width, to, 2)))
		}
		width = to
		stage := nn.NewSequential()
		for range cfg.Blocks[i] {
			// A network of one block never leaves it out.
			stage.Modules = append(stage.Modules, cfg.block(width, cfg.DropPath*float64(depth)/float64(max(1, all-1))))
			depth++
		}
		features = append(features, stage)
	}
	return &Model{Config: cfg, Features: nn.NewSequential(features...), Norm: cfg.norm(width), Head: linear(width, cfg.Classes)}, nil
}

// conv cuts an image in patches.
func conv(in, out, patch int) *nn.Conv2d {
	cfg := nn.DefaultConv2d(in, out, patch)
	cfg.Stride = cfg.Kernel
	l := cfg.Build()
	l.Weight.Init, l.Bias.Init = nn.Normal(0, 0.02), nn.Zeros()
	return l
}

func linear(in, out int) *nn.Linear {
	l := nn.NewLinear(in, out)
	l.Weight.Init, l.Bias.Init = nn.Normal(0, 0.02), nn.Zeros()
	return l
}

func (cfg Config) norm(width int) *nn.LayerNorm {
	n := nn.DefaultLayerNorm(width)
	n.Eps = cfg.Eps
	return n.Build()
}

// Forward gives the logits [B Classes] of images x [B InChannels Y X].
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	x = ops.Mean(m.Features.Forward(c, x), 2, 3)
	return m.Head.Forward(c, m.Norm.Forward(c, x))
}

// Places is a layer norm over the channels of each place of an image.
//
// Source: torchvision's LayerNorm2d.
type Places struct{ *nn.LayerNorm }

func (cfg Config) places(width int) *Places { return &Places{cfg.norm(width)} }

// Forward normalises x [B C Y X].
func (l *Places) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	x = ops.MoveAxis(x, 1, -1) // [B Y X C]
	return ops.MoveAxis(l.LayerNorm.Forward(c, x), -1, 1)
}

// Block adds to its operand a convolution 7x7 of each channel alone, a norm, and
// linear layers to four times the channels and back, scaled by a number for each
// channel; but for the examples that are left out.
type Block struct {
	Conv       *nn.Conv2d    `param:"block.0"`
	Norm       *nn.LayerNorm `param:"block.2"`
	Up         *nn.Linear    `param:"block.3"`
	Down       *nn.Linear    `param:"block.5"`
	LayerScale *nn.Param     // [C 1 1]
	DropPath   *nn.DropPath
}

func (cfg Config) block(width int, drop float64) *Block {
	conv := nn.DefaultConv2d(width, width, 7)
	conv.Padding, conv.Groups = [2]int{3, 3}, width
	b := &Block{
		Conv: conv.Build(), Norm: cfg.norm(width), Up: linear(width, 4*width), Down: linear(4*width, width),
		LayerScale: module.NewParam(nn.Constant(cfg.LayerScale), width, 1, 1), DropPath: nn.NewDropPath(drop),
	}
	b.Conv.Weight.Init, b.Conv.Bias.Init = nn.Normal(0, 0.02), nn.Zeros()
	return b
}

// Forward maps x [B C Y X].
func (b *Block) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(b)()
	y := ops.MoveAxis(b.Conv.Forward(c, x), 1, -1) // [B Y X C]
	y = b.Down.Forward(c, ops.GELU(b.Up.Forward(c, b.Norm.Forward(c, y))))
	scale := ops.Reshape(c.Param(b.LayerScale), b.Norm.Config.Shape[0])
	y = ops.Mul(y, ops.BroadcastInDim(scale, y.Shape(), 3))
	return ops.Add(x, b.DropPath.Forward(c, ops.MoveAxis(y, -1, 1))) // [B C Y X]
}
