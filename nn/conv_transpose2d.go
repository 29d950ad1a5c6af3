package nn

import "github.com/gradus-ml/gradus/ir"

// ConvTranspose2dConfig describes a [ConvTranspose2d]. Pairs are in the order Y, X.
type ConvTranspose2dConfig struct {
	In            int    `json:"in" yaml:"in"`                         // channels of the operand
	Out           int    `json:"out" yaml:"out"`                       // channels of the result
	Kernel        [2]int `json:"kernel" yaml:"kernel"`                 // taps
	Stride        [2]int `json:"stride" yaml:"stride"`                 // positions between what neighbours add to
	Padding       [2]int `json:"padding" yaml:"padding"`               // positions cut off at each side
	OutputPadding [2]int `json:"output_padding" yaml:"output_padding"` // positions more at the end; below Stride or Dilation
	Dilation      [2]int `json:"dilation" yaml:"dilation"`             // positions between taps
	Groups        int    `json:"groups" yaml:"groups"`                 // separate sets of channels
	Bias          bool   `json:"bias" yaml:"bias"`                     // adds a bias to each channel
}

// DefaultConvTranspose2d has a square kernel, stride 1, no padding, one group and a bias.
func DefaultConvTranspose2d(in, out, kernel int) ConvTranspose2dConfig {
	return ConvTranspose2dConfig{In: in, Out: out, Kernel: [2]int{kernel, kernel}, Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}, Groups: 1, Bias: true}
}

// Validate tells all that is wrong.
func (cfg ConvTranspose2dConfig) Validate() error { return cfg.Build().err }

// ConvTranspose2d is the gradient of a convolution by its input, as a layer:
// it makes images larger. It starts from the bias and adds
//
//	y[b, o, u*Stride + p*Dilation - Padding, v*Stride + q*Dilation - Padding] +=
//	    weight[i, o, p, q] * x[b, i, u, v]
//
// for all u, v, p and q, where i runs over the channels of o's group and places outside y
// are left out.
// x [B In Y X], y [B Out Y' X'], Y' = (Y-1) Stride - 2 Padding + Dilation (Kernel-1) + OutputPadding + 1, and so X'.
// weight [In Out/Groups Kernel Kernel], bias [Out].
//
// Source: torch.nn.ConvTranspose2d.
type ConvTranspose2d struct {
	Config ConvTranspose2dConfig `param:"-"`
	Weight *Param
	Bias   *Param // nil without
	conv
}

// Build makes the layer.
func (cfg ConvTranspose2dConfig) Build() *ConvTranspose2d {
	l := &ConvTranspose2d{Config: cfg}
	s := convShape{
		in: cfg.In, out: cfg.Out, groups: cfg.Groups, bias: cfg.Bias,
		kernel: cfg.Kernel[:], stride: cfg.Stride[:], padding: cfg.Padding[:], dilation: cfg.Dilation[:],
	}
	l.conv, l.Weight, l.Bias = s.buildTransposed("conv_transpose2d", cfg.OutputPadding[:])
	return l
}

// NewConvTranspose2d is DefaultConvTranspose2d(in, out, kernel).Build().
func NewConvTranspose2d(in, out, kernel int) *ConvTranspose2d {
	return DefaultConvTranspose2d(in, out, kernel).Build()
}

// Forward spreads x [B In Y X].
func (l *ConvTranspose2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.forwardTransposed(c, x, l.Weight, l.Bias)
}
