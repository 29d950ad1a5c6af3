package nn

import "github.com/gradus-ml/gradus/ir"

// Conv2dConfig describes a [Conv2d]. Pairs are in the order Y, X.
type Conv2dConfig struct {
	In       int    `json:"in" yaml:"in"`             // channels of the operand
	Out      int    `json:"out" yaml:"out"`           // channels of the result
	Kernel   [2]int `json:"kernel" yaml:"kernel"`     // taps
	Stride   [2]int `json:"stride" yaml:"stride"`     // positions between results
	Padding  [2]int `json:"padding" yaml:"padding"`   // zeros at each side
	Dilation [2]int `json:"dilation" yaml:"dilation"` // positions between taps
	Groups   int    `json:"groups" yaml:"groups"`     // separate sets of channels
	Bias     bool   `json:"bias" yaml:"bias"`         // adds a bias to each channel
}

// DefaultConv2d has a square kernel, stride 1, no padding, one group and a bias.
func DefaultConv2d(in, out, kernel int) Conv2dConfig {
	return Conv2dConfig{In: in, Out: out, Kernel: [2]int{kernel, kernel}, Stride: [2]int{1, 1},
		Dilation: [2]int{1, 1}, Groups: 1, Bias: true}
}

// Validate tells all that is wrong.
func (cfg Conv2dConfig) Validate() error {
	return validateConv(cfg.In, cfg.Out, cfg.Groups, cfg.Kernel[:], cfg.Stride[:], cfg.Padding[:], cfg.Dilation[:])
}

// Conv2d correlates images with kernels:
//
//	y[b, o, u, v] = bias[o] + sum over i, p, q of weight[o, i, p, q] *
//	                x[b, i, u*Stride + p*Dilation - Padding, v*Stride + q*Dilation - Padding]
//
// where i runs over the channels of o's group and x is 0 outside.
// x [B In Y X], y [B Out Y' X'], Y' = (Y + 2 Padding - Dilation (Kernel-1) - 1)/Stride + 1, and so X'.
// weight [Out In/Groups Kernel Kernel], bias [Out].
//
// Source: torch.nn.Conv2d with padding_mode zeros.
type Conv2d struct {
	Config Conv2dConfig `param:"-"`
	Weight *Param
	Bias   *Param // nil without
	conv
}

// Build makes the layer.
func (cfg Conv2dConfig) Build() *Conv2d {
	l := &Conv2d{Config: cfg, conv: conv{name: "conv2d", err: cfg.Validate()}}
	if l.err == nil {
		l.op = convOp(cfg.Stride[:], cfg.Padding[:], cfg.Dilation[:], cfg.Groups)
		l.Weight, l.Bias = convParams(cfg.In, cfg.Out, cfg.Groups, cfg.Kernel[:], cfg.Bias)
	}
	return l
}

// NewConv2d is DefaultConv2d(in, out, kernel).Build().
func NewConv2d(in, out, kernel int) *Conv2d { return DefaultConv2d(in, out, kernel).Build() }

// Forward convolves x [B In Y X].
func (l *Conv2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.forward(c, x, l.Weight, l.Bias)
}
