// Package unet is U-Net: a network that gives each pixel of an image its classes.
// Convolutions go down from the image to a small one, and up again beside what
// they passed.
//
// Source: Ronneberger and others, "U-Net: convolutional networks for biomedical
// image segmentation" (2015), figure 1, with the changes that usual
// implementations have: padding, so that the result is as large as the image, and
// batch norm. Keys as in github.com/milesial/Pytorch-UNet, version 4.0.
package unet

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// Config describes a [Model].
type Config struct {
	InChannels int   `json:"in_channels" yaml:"in_channels"` // of the image
	Widths     []int `json:"widths" yaml:"widths"`           // channels on the way down; all but the first halve the image; even
	Bilinear   bool  `json:"bilinear" yaml:"bilinear"`       // upsampling in place of transposed convolutions, with fewer channels
	Classes    int   `json:"classes" yaml:"classes"`
}

// Default is the network of the paper for colour images and 2 classes: 31 million
// parameters.
func Default() Config {
	return Config{InChannels: 3, Widths: []int{64, 128, 256, 512, 1024}, Classes: 2}
}

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "unet"}
	p.Within("in_channels", cfg.InChannels, block.MaxChannels)
	p.Within("classes", cfg.Classes, block.MaxChannels)
	if len(cfg.Widths) < 2 || len(cfg.Widths) > 20 {
		p.Add("widths must be 2 to 20 numbers, got %d", len(cfg.Widths))
	}
	for i, n := range cfg.Widths {
		at := fmt.Sprintf("widths.%d", i)
		p.Within(at, n, block.MaxChannels)
		if n%2 != 0 {
			p.Add("%s must be even, got %d", at, n)
		}
	}
	return p.Join()
}

// Model is convolutions, the way down, the way up, and a convolution 1x1. Its keys
// are those of the source: inc.double_conv.0.weight,
// down1.maxpool_conv.1.double_conv.0.weight, up1.up.weight,
// up1.conv.double_conv.0.weight, outc.conv.weight and so on.
type Model struct {
	Config Config `param:"-"`
	Inc    *Double
	Down   []*Down    `param:"down#1"`
	Up     []*Up      `param:"up#1"`
	Out    *nn.Conv2d `param:"outc.conv"`
}

// New makes a model, with the initial values of PyTorch's layers.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Model{Config: cfg, Inc: double(cfg.InChannels, cfg.Widths[0], cfg.Widths[0]), Out: nn.NewConv2d(cfg.Widths[0], cfg.Classes, 1)}
	last := len(cfg.Widths) - 1
	for i, to := range cfg.Widths[1:] {
		if cfg.Bilinear && i+1 == last {
			to /= 2 // the channels that a transposed convolution leaves
		}
		m.Down = append(m.Down, &Down{nn.NewSequential(nn.NewMaxPool2d(2), double(cfg.Widths[i], to, to))})
	}
	for i := last - 1; i >= 0; i-- {
		width, below := cfg.Widths[i], cfg.Widths[i+1]
		both := width + below/2
		if !cfg.Bilinear {
			up := nn.DefaultConvTranspose2d(below, below/2, 2)
			up.Stride = [2]int{2, 2}
			m.Up = append(m.Up, &Up{up.Build(), double(both, width, width)})
			continue
		}
		if i > 0 {
			width /= 2
		}
		m.Up = append(m.Up, &Up{nil, double(both, both/2, width)})
	}
	return m, nil
}

// Forward gives the logits [B Classes Y X] of images x [B InChannels Y X].
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	x = m.Inc.Forward(c, x)
	passed := []*ir.Value{}
	for _, d := range m.Down {
		passed = append(passed, x)
		x = d.MaxpoolConv.Forward(c, x)
	}
	for i, u := range m.Up {
		x = u.forward(c, x, passed[len(passed)-1-i])
	}
	return m.Out.Forward(c, x)
}

// Double is twice a convolution 3x3, batch norm and ReLU.
type Double struct{ DoubleConv *nn.Sequential }

func double(in, middle, out int) *Double {
	conv := func(in, out int) *nn.Conv2d {
		cfg := nn.DefaultConv2d(in, out, 3)
		cfg.Padding, cfg.Bias = [2]int{1, 1}, false
		return cfg.Build()
	}
	return &Double{nn.NewSequential(conv(in, middle), nn.NewBatchNorm2d(middle), &nn.ReLU{}, conv(middle, out), nn.NewBatchNorm2d(out), &nn.ReLU{})}
}

// Forward is x [B C Y X] to [B C' Y X].
func (d *Double) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(d)()
	return d.DoubleConv.Forward(c, x)
}

// Down is maxima of 2x2, then [Double].
type Down struct{ MaxpoolConv *nn.Sequential }

// Up makes an image twice as large, and puts it beside one from the way down
// before [Double].
type Up struct {
	Up   *nn.ConvTranspose2d // nil with bilinear upsampling, which has no parameters
	Conv *Double
}

// forward maps x [B C Y X] and the image beside [B C' 2Y 2X], which has one row or
// column more where its own were odd.
func (u *Up) forward(c *nn.Ctx, x, beside *ir.Value) *ir.Value {
	defer c.Enter(u)()
	if u.Up != nil {
		x = u.Up.Forward(c, x)
	} else if c.Graph().Err() == nil {
		x = ops.InterpolateLinear(x, true, 2*x.Dim(2), 2*x.Dim(3))
	}
	if c.Graph().Err() != nil {
		return x
	}
	y, z := beside.Dim(2)-x.Dim(2), beside.Dim(3)-x.Dim(3)
	if y != 0 || z != 0 {
		x = ops.PadConstant(x, 0, []int{0, 0, y / 2, z / 2}, []int{0, 0, y - y/2, z - z/2})
	}
	return u.Conv.Forward(c, ops.Concat(1, beside, x))
}
