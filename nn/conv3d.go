package nn

import "github.com/gradus-ml/gradus/ir"

// Conv3dConfig describes a [Conv3d]. Triples are in the order Z, Y, X.
type Conv3dConfig struct {
	In          int         `json:"in" yaml:"in"`                     // channels of the operand
	Out         int         `json:"out" yaml:"out"`                   // channels of the result
	Kernel      [3]int      `json:"kernel" yaml:"kernel"`             // taps
	Stride      [3]int      `json:"stride" yaml:"stride"`             // positions between results
	Padding     [3]int      `json:"padding" yaml:"padding"`           // positions at each side
	Same        bool        `json:"same" yaml:"same"`                 // as much padding as keeps the extents, the odd one at the end; wants stride 1 and padding 0
	PaddingMode PaddingMode `json:"padding_mode" yaml:"padding_mode"` // what the padding holds
	Dilation    [3]int      `json:"dilation" yaml:"dilation"`         // positions between taps
	Groups      int         `json:"groups" yaml:"groups"`             // separate sets of channels
	Bias        bool        `json:"bias" yaml:"bias"`                 // adds a bias to each channel
}

// DefaultConv3d has a kernel as deep as high and wide, stride 1, no padding, one group and a bias.
func DefaultConv3d(in, out, kernel int) Conv3dConfig {
	return Conv3dConfig{In: in, Out: out, Kernel: [3]int{kernel, kernel, kernel}, Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}, Groups: 1, Bias: true}
}

// Validate tells all that is wrong.
func (cfg Conv3dConfig) Validate() error { return cfg.shape().validate() }

func (cfg Conv3dConfig) shape() convShape {
	return convShape{
		in: cfg.In, out: cfg.Out, groups: cfg.Groups, bias: cfg.Bias, same: cfg.Same, mode: cfg.PaddingMode,
		kernel: cfg.Kernel[:], stride: cfg.Stride[:], padding: cfg.Padding[:], dilation: cfg.Dilation[:],
	}
}

// Conv3d correlates volumes with kernels; u and p have three coordinates:
//
//	y[b, o, u] = bias[o] + sum over i, p of weight[o, i, p] * x[b, i, u*Stride + p*Dilation - Padding]
//
// where i runs over the channels of o's group and x is what PaddingMode says
// outside.
// x [B In Z Y X], y [B Out Z' Y' X'], Z' = (Z + 2 Padding - Dilation (Kernel-1) - 1)/Stride + 1, and so Y' and X'.
// weight [Out In/Groups Kernel Kernel Kernel], bias [Out].
//
// Source: torch.nn.Conv3d.
type Conv3d struct {
	Config Conv3dConfig `param:"-"`
	Weight *Param
	Bias   *Param // nil without
	conv
}

// Build makes the layer.
func (cfg Conv3dConfig) Build() *Conv3d {
	l := &Conv3d{Config: cfg}
	l.conv, l.Weight, l.Bias = cfg.shape().build("conv3d")
	return l
}

// NewConv3d is DefaultConv3d(in, out, kernel).Build().
func NewConv3d(in, out, kernel int) *Conv3d { return DefaultConv3d(in, out, kernel).Build() }

// Forward convolves x [B In Z Y X].
func (l *Conv3d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.forward(c, x, l.Weight, l.Bias)
}
