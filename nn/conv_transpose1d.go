package nn

import "github.com/gradus-ml/gradus/ir"

// ConvTranspose1dConfig describes a [ConvTranspose1d].
type ConvTranspose1dConfig struct {
	In            int  `json:"in" yaml:"in"`                         // channels of the operand
	Out           int  `json:"out" yaml:"out"`                       // channels of the result
	Kernel        int  `json:"kernel" yaml:"kernel"`                 // taps
	Stride        int  `json:"stride" yaml:"stride"`                 // positions between what neighbours add to
	Padding       int  `json:"padding" yaml:"padding"`               // positions cut off at each end
	OutputPadding int  `json:"output_padding" yaml:"output_padding"` // positions more at the end; below Stride or Dilation
	Dilation      int  `json:"dilation" yaml:"dilation"`             // positions between taps
	Groups        int  `json:"groups" yaml:"groups"`                 // separate sets of channels
	Bias          bool `json:"bias" yaml:"bias"`                     // adds a bias to each channel
}

// DefaultConvTranspose1d has stride 1, no padding, one group and a bias.
func DefaultConvTranspose1d(in, out, kernel int) ConvTranspose1dConfig {
	return ConvTranspose1dConfig{In: in, Out: out, Kernel: kernel, Stride: 1, Dilation: 1, Groups: 1, Bias: true}
}

// Validate tells all that is wrong.
func (cfg ConvTranspose1dConfig) Validate() error { return cfg.Build().err }

// ConvTranspose1d is the gradient of a convolution by its input, as a layer:
// it makes images larger. It starts from the bias and adds
//
//	y[b, o, t*Stride + k*Dilation - Padding] += weight[i, o, k] * x[b, i, t]
//
// for all t and k, where i runs over the channels of o's group and places outside y
// are left out.
// x [B In T], y [B Out T'], T' = (T-1) Stride - 2 Padding + Dilation (Kernel-1) + OutputPadding + 1.
// weight [In Out/Groups Kernel], bias [Out].
//
// Source: torch.nn.ConvTranspose1d.
type ConvTranspose1d struct {
	Config ConvTranspose1dConfig `param:"-"`
	Weight *Param
	Bias   *Param // nil without
	conv
}

// Build makes the layer.
func (cfg ConvTranspose1dConfig) Build() *ConvTranspose1d {
	l := &ConvTranspose1d{Config: cfg}
	s := convShape{
		in: cfg.In, out: cfg.Out, groups: cfg.Groups, bias: cfg.Bias,
		kernel: []int{cfg.Kernel}, stride: []int{cfg.Stride}, padding: []int{cfg.Padding}, dilation: []int{cfg.Dilation},
	}
	l.conv, l.Weight, l.Bias = s.buildTransposed("conv_transpose1d", []int{cfg.OutputPadding})
	return l
}

// NewConvTranspose1d is DefaultConvTranspose1d(in, out, kernel).Build().
func NewConvTranspose1d(in, out, kernel int) *ConvTranspose1d {
	return DefaultConvTranspose1d(in, out, kernel).Build()
}

// Forward spreads x [B In T].
func (l *ConvTranspose1d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.forwardTransposed(c, x, l.Weight, l.Bias)
}
