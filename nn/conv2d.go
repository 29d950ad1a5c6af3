package nn

import "github.com/gradus-ml/gradus/ir"

// Conv2dConfig describes a [Conv2d]. Pairs are in the order Y, X.
type Conv2dConfig struct {
	In          int         `json:"in" yaml:"in"`                     // channels of the operand
	Out         int         `json:"out" yaml:"out"`                   // channels of the result
	Kernel      [2]int      `json:"kernel" yaml:"kernel"`             // taps
	Stride      [2]int      `json:"stride" yaml:"stride"`             // positions between results
	Padding     [2]int      `json:"padding" yaml:"padding"`           // positions at each side
	Same        bool        `json:"same" yaml:"same"`                 // as much padding as keeps the extents, the odd one at the end; wants stride 1 and padding 0
	PaddingMode PaddingMode `json:"padding_mode" yaml:"padding_mode"` // what the padding holds
	Dilation    [2]int      `json:"dilation" yaml:"dilation"`         // positions between taps
	Groups      int         `json:"groups" yaml:"groups"`             // separate sets of channels
	Bias        bool        `json:"bias" yaml:"bias"`                 // adds a bias to each channel
}

// DefaultConv2d has a square kernel, stride 1, no padding, one group and a bias.
func DefaultConv2d(in, out, kernel int) Conv2dConfig {
	return Conv2dConfig{In: in, Out: out, Kernel: [2]int{kernel, kernel}, Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}, Groups: 1, Bias: true}
}

// Validate tells all that is wrong.
func (cfg Conv2dConfig) Validate() error { return cfg.shape().validate() }

func (cfg Conv2dConfig) shape() convShape {
	return convShape{
		in: cfg.In, out: cfg.Out, groups: cfg.Groups, bias: cfg.Bias, same: cfg.Same, mode: cfg.PaddingMode,
		kernel: cfg.Kernel[:], stride: cfg.Stride[:], padding: cfg.Padding[:], dilation: cfg.Dilation[:],
	}
}

// Conv2d correlates images with kernels:
//
//	y[b, o, u, v] = bias[o] + sum over i, p, q of weight[o, i, p, q] *
//	                x[b, i, u*Stride + p*Dilation - Padding, v*Stride + q*Dilation - Padding]
//
// where i runs over the channels of o's group and x is what PaddingMode says
// outside.
// x [B In Y X], y [B Out Y' X'], Y' = (Y + 2 Padding - Dilation (Kernel-1) - 1)/Stride + 1, and so X'.
// weight [Out In/Groups Kernel Kernel], bias [Out].
//
// Source: torch.nn.Conv2d.
type Conv2d struct {
	Config Conv2dConfig `param:"-"`
	Weight *Param
	Bias   *Param // nil without
	conv
}

// Build makes the layer.
func (cfg Conv2dConfig) Build() *Conv2d {
	l := &Conv2d{Config: cfg}
	l.conv, l.Weight, l.Bias = cfg.shape().build("conv2d")
	return l
}

// NewConv2d is DefaultConv2d(in, out, kernel).Build().
func NewConv2d(in, out, kernel int) *Conv2d { return DefaultConv2d(in, out, kernel).Build() }

// Forward convolves x [B In Y X].
func (l *Conv2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.forward(c, x, l.Weight, l.Bias)
}
