// Package resnet is the residual network, for small images (ResNet-20) and
// large ones (ResNet-18 to ResNet-152, ResNeXt and wide ones).
//
// Source: He and others, "Deep residual learning for image recognition" (2015),
// sections 3.3, 4.1 and 4.2, with projection shortcuts throughout (option B).
// Bottlenecks have their stride at the convolution 3x3, as torchvision's, not
// at the one before. Groups: Xie and others, "Aggregated residual transformations
// for deep neural networks" (2017); wide ones: Zagoruyko and Komodakis, "Wide
// residual networks" (2016).
package resnet

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// Stem names what stands before the blocks.
type Stem string

// The stems.
const (
	// SmallStem is a convolution 3x3.
	SmallStem Stem = "3x3"
	// LargeStem is a convolution 7x7 with stride 2, then maxima of 3x3 with
	// stride 2: the image shrinks to a quarter.
	LargeStem Stem = "7x7"
)

// Values lists the stems.
func (Stem) Values() []string { return []string{string(SmallStem), string(LargeStem)} }

// Config describes a [Model].
type Config struct {
	InChannels int   `json:"in_channels" yaml:"in_channels"` // of the image
	Stem       Stem  `json:"stem" yaml:"stem"`
	Widths     []int `json:"widths" yaml:"widths"`           // channels of each stage; all but the first halve the image
	Blocks     []int `json:"blocks" yaml:"blocks"`           // number of blocks of each stage
	Bottleneck bool  `json:"bottleneck" yaml:"bottleneck"`   // blocks of three convolutions, which give four times the channels
	Groups     int   `json:"groups" yaml:"groups"`           // of a bottleneck's convolution 3x3; 1 without bottlenecks
	GroupWidth int   `json:"group_width" yaml:"group_width"` // channels of each group in a stage of 64, in proportion in others; 64 without bottlenecks
	Classes    int   `json:"classes" yaml:"classes"`
}

// ResNet20 is the network for CIFAR-10: 32x32 colour images of 10 classes.
func ResNet20() Config {
	return Config{InChannels: 3, Stem: SmallStem, Widths: []int{16, 32, 64}, Blocks: []int{3, 3, 3}, Groups: 1, GroupWidth: 64, Classes: 10}
}

// ResNet18 is the network for ImageNet: 224x224 colour images of 1000 classes.
// Its keys are those of torchvision's resnet18, and so with the four below.
func ResNet18() Config { return imageNet(false, 2, 2, 2, 2) }

// ResNet34 is as [ResNet18] with more blocks.
func ResNet34() Config { return imageNet(false, 3, 4, 6, 3) }

// ResNet50 is as [ResNet34] with bottlenecks.
func ResNet50() Config { return imageNet(true, 3, 4, 6, 3) }

// ResNet101 is as [ResNet50] with more blocks.
func ResNet101() Config { return imageNet(true, 3, 4, 23, 3) }

// ResNet152 is as [ResNet101] with more blocks.
func ResNet152() Config { return imageNet(true, 3, 8, 36, 3) }

func imageNet(bottleneck bool, blocks ...int) Config {
	return Config{
		InChannels: 3, Stem: LargeStem, Widths: []int{64, 128, 256, 512}, Blocks: blocks, Bottleneck: bottleneck,
		Groups: 1, GroupWidth: 64, Classes: 1000,
	}
}

// grouped is a network with other convolutions 3x3.
func grouped(cfg Config, groups, width int) Config {
	cfg.Groups, cfg.GroupWidth = groups, width
	return cfg
}

// Variants are the networks that have a name, as torchvision names them: those
// above, ResNeXt, whose bottlenecks have groups, and wide ones.
func Variants() []config.Kind {
	return []config.Kind{
		{Name: "resnet20", Default: ResNet20()},
		{Name: "resnet18", Default: ResNet18()},
		{Name: "resnet34", Default: ResNet34()},
		{Name: "resnet50", Default: ResNet50()},
		{Name: "resnet101", Default: ResNet101()},
		{Name: "resnet152", Default: ResNet152()},
		{Name: "resnext50_32x4d", Default: grouped(ResNet50(), 32, 4)},
		{Name: "resnext101_32x8d", Default: grouped(ResNet101(), 32, 8)},
		{Name: "resnext101_64x4d", Default: grouped(ResNet101(), 64, 4)},
		{Name: "wide_resnet50_2", Default: grouped(ResNet50(), 1, 128)},
		{Name: "wide_resnet101_2", Default: grouped(ResNet101(), 1, 128)},
	}
}

// inner is the number of channels inside the bottlenecks of a stage.
func (cfg Config) inner(width int) int { return width * cfg.GroupWidth / 64 * cfg.Groups }

// expansion is how many times the channels of a stage its blocks give.
func (cfg Config) expansion() int {
	if cfg.Bottleneck {
		return 4
	}
	return 1
}

// maxBlocks is more than any stage has; a config may come from elsewhere.
const maxBlocks = 1000

// maxGroups bounds groups and their width for the same reason.
const maxGroups = 1 << 12

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	var errs []error
	add := func(format string, a ...any) { errs = append(errs, fmt.Errorf("resnet: "+format, a...)) }
	if cfg.Stem != SmallStem && cfg.Stem != LargeStem {
		add("there is no stem %q; there are %s and %s", cfg.Stem, SmallStem, LargeStem)
	}
	if len(cfg.Widths) == 0 || len(cfg.Widths) != len(cfg.Blocks) {
		add("widths and blocks must name the same stages, at least one, got %v and %v", cfg.Widths, cfg.Blocks)
	}
	for i, w := range cfg.Widths {
		if i == 0 {
			if err := nn.DefaultConv2d(cfg.InChannels, w, 7).Validate(); err != nil {
				add("stem: %w", err)
			}
		}
		if err := errors.Join(nn.DefaultConv2d(w, w, 3).Validate(), nn.DefaultConv2d(w, w*cfg.expansion(), 1).Validate()); err != nil {
			add("width %d: %w", w, err)
		} else if cfg.Bottleneck && cfg.Groups > 0 && cfg.GroupWidth > 0 {
			inner := nn.DefaultConv2d(cfg.inner(w), cfg.inner(w), 3)
			inner.Groups = cfg.Groups
			if err := inner.Validate(); err != nil {
				add("width %d of groups: %w", w, err)
			}
		}
	}
	for _, n := range cfg.Blocks {
		if n < 1 || n > maxBlocks {
			add("a stage must have 1 to %d blocks, got %d", maxBlocks, n)
		}
	}
	switch {
	case cfg.Groups < 1 || cfg.Groups > maxGroups || cfg.GroupWidth < 1 || cfg.GroupWidth > maxGroups:
		add("groups and group_width must be in 1..%d, got %d and %d", maxGroups, cfg.Groups, cfg.GroupWidth)
	case !cfg.Bottleneck && (cfg.Groups != 1 || cfg.GroupWidth != 64):
		add("groups and group_width need bottlenecks, and are 1 and 64 without, got %d and %d", cfg.Groups, cfg.GroupWidth)
	}
	if n := len(cfg.Widths); n > 0 {
		if err := nn.DefaultLinear(cfg.Widths[n-1]*cfg.expansion(), cfg.Classes).Validate(); err != nil {
			add("fc: %w", err)
		}
	}
	return errors.Join(errs...)
}

// Model is a stem, stages of blocks, the mean over the image and a linear
// layer. Its keys are torchvision's: conv1, bn1, layer1.0.conv1,
// layer2.0.downsample.0, fc and so on.
type Model struct {
	Config Config `param:"-"`
	Conv1  *nn.Conv2d
	BN1    *nn.BatchNorm2d
	Pool   *nn.MaxPool2d // nil with a small stem
	Stages [][]*Block    `param:"layer#1"`
	FC     *nn.Linear
}

// New makes a model. Convolutions are drawn from N(0, 2/(fan out)), the scales
// of batch norm are 1.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Model{Config: cfg}
	width := cfg.Widths[0]
	if cfg.Stem == LargeStem {
		m.Conv1 = block.Conv(cfg.InChannels, width, 7, 2, 1)
		pool := nn.DefaultMaxPool2d(3)
		pool.Stride, pool.Padding = [2]int{2, 2}, [2]int{1, 1}
		m.Pool = pool.Build()
	} else {
		m.Conv1 = block.Conv(cfg.InChannels, width, 3, 1, 1)
	}
	m.BN1 = nn.NewBatchNorm2d(width)
	for i, to := range cfg.Widths {
		var stage []*Block
		for j := range cfg.Blocks[i] {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			stage = append(stage, cfg.block(width, to, stride))
			width = to * cfg.expansion()
		}
		m.Stages = append(m.Stages, stage)
	}
	m.FC = nn.NewLinear(width, cfg.Classes)
	return m, nil
}

// Forward gives the logits [B classes] of images x [B C Y X].
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	x = ops.ReLU(m.BN1.Forward(c, m.Conv1.Forward(c, x)))
	if m.Pool != nil {
		x = m.Pool.Forward(c, x)
	}
	for _, stage := range m.Stages {
		for _, b := range stage {
			x = b.Forward(c, x)
		}
	}
	return m.FC.Forward(c, ops.Mean(x, 2, 3))
}

// Block is two convolutions 3x3 beside a shortcut; or a bottleneck: 1x1 to the
// stage's channels, 3x3, maybe in groups, and 1x1 to four times as many.
type Block struct {
	Conv1      *nn.Conv2d
	BN1        *nn.BatchNorm2d
	Conv2      *nn.Conv2d
	BN2        *nn.BatchNorm2d
	Conv3      *nn.Conv2d // nil without a bottleneck
	BN3        *nn.BatchNorm2d
	Downsample *nn.Sequential // projection 1x1; nil where x keeps its shape
}

func (cfg Config) block(in, width, stride int) *Block {
	b := &Block{}
	out := width * cfg.expansion()
	if cfg.Bottleneck {
		inner := cfg.inner(width)
		b.Conv1, b.BN1 = block.Conv(in, inner, 1, 1, 1), nn.NewBatchNorm2d(inner)
		b.Conv2, b.BN2 = block.Conv(inner, inner, 3, stride, cfg.Groups), nn.NewBatchNorm2d(inner)
		b.Conv3, b.BN3 = block.Conv(inner, out, 1, 1, 1), nn.NewBatchNorm2d(out)
	} else {
		b.Conv1, b.BN1 = block.Conv(in, width, 3, stride, 1), nn.NewBatchNorm2d(width)
		b.Conv2, b.BN2 = block.Conv(width, width, 3, 1, 1), nn.NewBatchNorm2d(width)
	}
	if in != out || stride != 1 {
		b.Downsample = nn.NewSequential(block.Conv(in, out, 1, stride, 1), nn.NewBatchNorm2d(out))
	}
	return b
}

// Forward is x [B C Y X] to [B C' Y/stride X/stride].
func (b *Block) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(b)()
	y := ops.ReLU(b.BN1.Forward(c, b.Conv1.Forward(c, x)))
	y = b.BN2.Forward(c, b.Conv2.Forward(c, y))
	if b.Conv3 != nil {
		y = b.BN3.Forward(c, b.Conv3.Forward(c, ops.ReLU(y)))
	}
	if b.Downsample != nil {
		x = b.Downsample.Forward(c, x)
	}
	return ops.ReLU(ops.Add(y, x))
}
