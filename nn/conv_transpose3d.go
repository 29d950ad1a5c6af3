package nn

import "github.com/gradus-ml/gradus/ir"

// ConvTranspose3dConfig describes a [ConvTranspose3d]. Triples are in the order Z, Y, X.
type ConvTranspose3dConfig struct {
	In            int    `json:"in" yaml:"in"`                         // channels of the operand
	Out           int    `json:"out" yaml:"out"`                       // channels of the result
	Kernel        [3]int `json:"kernel" yaml:"kernel"`                 // taps
	Stride        [3]int `json:"stride" yaml:"stride"`                 // positions between what neighbours add to
	Padding       [3]int `json:"padding" yaml:"padding"`               // positions cut off at each side
	OutputPadding [3]int `json:"output_padding" yaml:"output_padding"` // positions more at the end; below Stride or Dilation
	Dilation      [3]int `json:"dilation" yaml:"dilation"`             // positions between taps
	Groups        int    `json:"groups" yaml:"groups"`                 // separate sets of channels
	Bias          bool   `json:"bias" yaml:"bias"`                     // adds a bias to each channel
}

// DefaultConvTranspose3d has a kernel as deep as high and wide, stride 1, no padding, one group and a bias.
func DefaultConvTranspose3d(in, out, kernel int) ConvTranspose3dConfig {
	return ConvTranspose3dConfig{In: in, Out: out, Kernel: [3]int{kernel, kernel, kernel}, Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}, Groups: 1, Bias: true}
}

// Validate tells all that is wrong.
func (cfg ConvTranspose3dConfig) Validate() error { return cfg.Build().err }

// ConvTranspose3d is the gradient of a convolution by its input, as a layer:
// it makes images larger. It starts from the bias and adds
//
//	y[b, o, u*Stride + p*Dilation - Padding] += weight[i, o, p] * x[b, i, u]
//
// for all u and p, which have three coordinates, where i runs over the channels of o's group and places outside y
// are left out.
// x [B In Z Y X], y [B Out Z' Y' X'], Z' = (Z-1) Stride - 2 Padding + Dilation (Kernel-1) + OutputPadding + 1, and so Y' and X'.
// weight [In Out/Groups Kernel Kernel Kernel], bias [Out].
//
// Source: torch.nn.ConvTranspose3d.
type ConvTranspose3d struct {
	Config ConvTranspose3dConfig `param:"-"`
	Weight *Param
	Bias   *Param // nil without
	conv
}

// Build makes the layer.
func (cfg ConvTranspose3dConfig) Build() *ConvTranspose3d {
	l := &ConvTranspose3d{Config: cfg}
	s := convShape{
		in: cfg.In, out: cfg.Out, groups: cfg.Groups, bias: cfg.Bias,
		kernel: cfg.Kernel[:], stride: cfg.Stride[:], padding: cfg.Padding[:], dilation: cfg.Dilation[:],
	}
	l.conv, l.Weight, l.Bias = s.buildTransposed("conv_transpose3d", cfg.OutputPadding[:])
	return l
}

// NewConvTranspose3d is DefaultConvTranspose3d(in, out, kernel).Build().
func NewConvTranspose3d(in, out, kernel int) *ConvTranspose3d {
	return DefaultConvTranspose3d(in, out, kernel).Build()
}

// Forward spreads x [B In Z Y X].
func (l *ConvTranspose3d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.forwardTransposed(c, x, l.Weight, l.Bias)
}
