package nn

import "github.com/gradus-ml/gradus/ir"

// Conv1dConfig describes a [Conv1d].
type Conv1dConfig struct {
	In          int         `json:"in" yaml:"in"`                     // channels of the operand
	Out         int         `json:"out" yaml:"out"`                   // channels of the result
	Kernel      int         `json:"kernel" yaml:"kernel"`             // taps
	Stride      int         `json:"stride" yaml:"stride"`             // positions between results
	Padding     int         `json:"padding" yaml:"padding"`           // positions at each end
	Same        bool        `json:"same" yaml:"same"`                 // as much padding as keeps the extents, the odd one at the end; wants stride 1 and padding 0
	PaddingMode PaddingMode `json:"padding_mode" yaml:"padding_mode"` // what the padding holds
	Dilation    int         `json:"dilation" yaml:"dilation"`         // positions between taps
	Groups      int         `json:"groups" yaml:"groups"`             // separate sets of channels
	Bias        bool        `json:"bias" yaml:"bias"`                 // adds a bias to each channel
}

// DefaultConv1d has stride 1, no padding, one group and a bias.
func DefaultConv1d(in, out, kernel int) Conv1dConfig {
	return Conv1dConfig{In: in, Out: out, Kernel: kernel, Stride: 1, Dilation: 1, Groups: 1, Bias: true}
}

// Validate tells all that is wrong.
func (cfg Conv1dConfig) Validate() error { return cfg.shape().validate() }

func (cfg Conv1dConfig) shape() convShape {
	return convShape{
		in: cfg.In, out: cfg.Out, groups: cfg.Groups, bias: cfg.Bias, same: cfg.Same, mode: cfg.PaddingMode,
		kernel: []int{cfg.Kernel}, stride: []int{cfg.Stride}, padding: []int{cfg.Padding}, dilation: []int{cfg.Dilation},
	}
}

// Conv1d correlates along one axis:
//
//	y[b, o, t] = bias[o] + sum over i, k of weight[o, i, k] * x[b, i, t*Stride + k*Dilation - Padding]
//
// where i runs over the channels of o's group and x is what PaddingMode says
// outside.
// x [B In T], y [B Out T'], T' = (T + 2 Padding - Dilation (Kernel-1) - 1)/Stride + 1.
// weight [Out In/Groups Kernel], bias [Out].
//
// Source: torch.nn.Conv1d.
type Conv1d struct {
	Config Conv1dConfig `param:"-"`
	Weight *Param
	Bias   *Param // nil without
	conv
}

// Build makes the layer.
func (cfg Conv1dConfig) Build() *Conv1d {
	l := &Conv1d{Config: cfg}
	l.conv, l.Weight, l.Bias = cfg.shape().build("conv1d")
	return l
}

// NewConv1d is DefaultConv1d(in, out, kernel).Build().
func NewConv1d(in, out, kernel int) *Conv1d { return DefaultConv1d(in, out, kernel).Build() }

// Forward convolves x [B In T].
func (l *Conv1d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.forward(c, x, l.Weight, l.Bias)
}
