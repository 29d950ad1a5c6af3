package layers

import (
	"errors"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

func convKinds() []config.Kind {
	return []config.Kind{
		{Name: "conv2d", Default: Conv2d{DefaultConv()}},
		{Name: "conv1d", Default: Conv1d{Conv: DefaultConv()}},
		{Name: "conv3d", Default: Conv3d{DefaultConv()}},
		{Name: "conv_transpose2d", Default: ConvTranspose2d{DefaultConvTranspose()}},
		{Name: "conv_transpose1d", Default: ConvTranspose1d{DefaultConvTranspose()}},
		{Name: "conv_transpose3d", Default: ConvTranspose3d{DefaultConvTranspose()}},
		{Name: "depthwise_conv1d", Default: DepthwiseConv1d{DefaultDepthwise()}},
		{Name: "depthwise_conv2d", Default: DepthwiseConv2d{DefaultDepthwise()}},
		{Name: "separable_conv1d", Default: SeparableConv1d{Separable{Depthwise: DefaultDepthwise()}}},
		{Name: "separable_conv2d", Default: SeparableConv2d{Separable{Depthwise: DefaultDepthwise()}}},
	}
}

// Conv is what convolutions have in common. Lists have one number for all axes
// or one for each, in the order Z, Y, X.
type Conv struct {
	Named       `yaml:",inline"`
	Out         int            `json:"out" yaml:"out"`                   // channels of the result
	Kernel      []int          `json:"kernel" yaml:"kernel,one"`         // taps
	Stride      []int          `json:"stride" yaml:"stride,one"`         // positions between results
	Padding     []int          `json:"padding" yaml:"padding,one"`       // positions at each side
	Same        bool           `json:"same" yaml:"same"`                 // as much padding as keeps the extents; wants stride 1 and padding 0
	PaddingMode nn.PaddingMode `json:"padding_mode" yaml:"padding_mode"` // what the padding holds
	Dilation    []int          `json:"dilation" yaml:"dilation,one"`     // positions between taps
	Groups      int            `json:"groups" yaml:"groups"`             // separate sets of channels
	Bias        bool           `json:"bias" yaml:"bias"`
	Initial     `yaml:",inline"`
}

// DefaultConv has stride 1, no padding, one group and a bias.
func DefaultConv() Conv {
	return Conv{Stride: []int{1}, Padding: []int{0}, Dilation: []int{1}, Groups: 1, Bias: true}
}

// A convShape is a convolution's numbers by axis.
type convShape struct{ kernel, stride, padding, dilation, output []int }

// axes gives each of n axes its numbers.
func axes(n int, kernel, stride, padding, dilation, output []int) (s convShape, err error) {
	var errs [5]error
	s.kernel, errs[0] = spread("kernel", kernel, n)
	s.stride, errs[1] = spread("stride", stride, n)
	s.padding, errs[2] = spread("padding", padding, n)
	s.dilation, errs[3] = spread("dilation", dilation, n)
	s.output, errs[4] = spread("output_padding", output, n)
	return s, errors.Join(errs[:]...)
}

// images names the operand of a convolution over n axes.
func images(n int) string {
	return [...]string{1: "sequences [B C T]", 2: "images [B C Y X]", 3: "volumes [B C Z Y X]"}[n]
}

// convolution makes a layer for images with n axes, and says what is wrong.
type convolution func(n, in int) (nn.Forwarder, error)

// validate says what is wrong whatever the operand has of channels.
func (conv convolution) validate(n, groups int) error {
	_, err := conv(n, max(groups, 1))
	return err
}

// build makes the layer for an operand [B C ...].
func (conv convolution) build(n int, x Operand) (Module, error) {
	if err := x.wants(images(n), 2+n); err != nil {
		return nil, err
	}
	f, err := conv(n, x.Dim(1))
	if err != nil {
		return nil, err
	}
	return losing(f)
}

// layer is nn.Conv1d, nn.Conv2d or nn.Conv3d.
func (cfg Conv) layer(n, in int) (nn.Forwarder, error) {
	s, err := axes(n, cfg.Kernel, cfg.Stride, cfg.Padding, cfg.Dilation, []int{0})
	if err != nil {
		return nil, err
	}
	switch n {
	case 1:
		c := nn.Conv1dConfig{In: in, Out: cfg.Out, Kernel: s.kernel[0], Stride: s.stride[0], Padding: s.padding[0], Dilation: s.dilation[0],
			Same: cfg.Same, PaddingMode: cfg.PaddingMode, Groups: cfg.Groups, Bias: cfg.Bias}
		return c.Build(), c.Validate()
	case 2:
		c := nn.Conv2dConfig{In: in, Out: cfg.Out, Kernel: [2]int(s.kernel), Stride: [2]int(s.stride), Padding: [2]int(s.padding), Dilation: [2]int(s.dilation),
			Same: cfg.Same, PaddingMode: cfg.PaddingMode, Groups: cfg.Groups, Bias: cfg.Bias}
		return c.Build(), c.Validate()
	}
	c := nn.Conv3dConfig{In: in, Out: cfg.Out, Kernel: [3]int(s.kernel), Stride: [3]int(s.stride), Padding: [3]int(s.padding), Dilation: [3]int(s.dilation),
		Same: cfg.Same, PaddingMode: cfg.PaddingMode, Groups: cfg.Groups, Bias: cfg.Bias}
	return c.Build(), c.Validate()
}

// Conv1d is nn.Conv1d: [B C T] to [B Out T']; with ChannelsLast [B T C] to
// [B T' Out], which keeps the mask if it is Same.
type Conv1d struct {
	Conv `yaml:",inline"`
	Last `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg Conv1d) Validate() error { return convolution(cfg.layer).validate(1, cfg.Groups) }

// Build makes the layer.
func (cfg Conv1d) Build(x Operand) (Module, error) {
	if err := x.wants(cfg.sequences(), 3); err != nil {
		return nil, err
	}
	f, err := cfg.layer(1, x.Dim(cfg.channels()))
	if err != nil {
		return nil, err
	}
	return cfg.module(f, cfg.Same)
}

// Conv2d is nn.Conv2d: [B C Y X] to [B Out Y' X'].
type Conv2d struct {
	Conv `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg Conv2d) Validate() error { return convolution(cfg.layer).validate(2, cfg.Groups) }

// Build makes the layer.
func (cfg Conv2d) Build(x Operand) (Module, error) { return convolution(cfg.layer).build(2, x) }

// Conv3d is nn.Conv3d: [B C Z Y X] to [B Out Z' Y' X'].
type Conv3d struct {
	Conv `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg Conv3d) Validate() error { return convolution(cfg.layer).validate(3, cfg.Groups) }

// Build makes the layer.
func (cfg Conv3d) Build(x Operand) (Module, error) { return convolution(cfg.layer).build(3, x) }

// Depthwise is what convolutions of single channels have in common.
type Depthwise struct {
	Named       `yaml:",inline"`
	Multiplier  int            `json:"multiplier" yaml:"multiplier"`     // results of each channel
	Kernel      []int          `json:"kernel" yaml:"kernel,one"`         // taps
	Stride      []int          `json:"stride" yaml:"stride,one"`         // positions between results
	Padding     []int          `json:"padding" yaml:"padding,one"`       // positions at each side
	Same        bool           `json:"same" yaml:"same"`                 // as much padding as keeps the extents; wants stride 1 and padding 0
	PaddingMode nn.PaddingMode `json:"padding_mode" yaml:"padding_mode"` // what the padding holds
	Dilation    []int          `json:"dilation" yaml:"dilation,one"`     // positions between taps
	Bias        bool           `json:"bias" yaml:"bias"`
	Initial     `yaml:",inline"`
}

// DefaultDepthwise has one result a channel, stride 1, no padding and a bias.
func DefaultDepthwise() Depthwise {
	return Depthwise{Multiplier: 1, Stride: []int{1}, Padding: []int{0}, Dilation: []int{1}, Bias: true}
}

// conv is the convolution with settings for a number of results and groups.
func (cfg Depthwise) conv(out, groups int) Conv {
	return Conv{Out: out, Kernel: cfg.Kernel, Stride: cfg.Stride, Padding: cfg.Padding, Same: cfg.Same, PaddingMode: cfg.PaddingMode,
		Dilation: cfg.Dilation, Groups: groups, Bias: cfg.Bias}
}

func (cfg Depthwise) layer(n, in int) (nn.Forwarder, error) {
	if err := atLeast(1, "multiplier", cfg.Multiplier); err != nil {
		return nil, err
	}
	return cfg.conv(in*cfg.Multiplier, in).layer(n, in)
}

// DepthwiseConv1d is nn.Conv1d with each channel a group: [B C T] to
// [B C*Multiplier T'].
type DepthwiseConv1d struct {
	Depthwise `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg DepthwiseConv1d) Validate() error { return convolution(cfg.layer).validate(1, 1) }

// Build makes the layer.
func (cfg DepthwiseConv1d) Build(x Operand) (Module, error) {
	return convolution(cfg.layer).build(1, x)
}

// DepthwiseConv2d is nn.Conv2d with each channel a group: [B C Y X] to
// [B C*Multiplier Y' X'].
type DepthwiseConv2d struct {
	Depthwise `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg DepthwiseConv2d) Validate() error { return convolution(cfg.layer).validate(2, 1) }

// Build makes the layer.
func (cfg DepthwiseConv2d) Build(x Operand) (Module, error) {
	return convolution(cfg.layer).build(2, x)
}

// Separable is what separable convolutions have in common: one of single
// channels, and one of a single tap that mixes them.
type Separable struct {
	Depthwise `yaml:",inline"`
	Out       int `json:"out" yaml:"out"` // channels of the result
}

func (cfg Separable) layer(n, in int) (nn.Forwarder, error) {
	if err := atLeast(1, "multiplier", cfg.Multiplier); err != nil {
		return nil, err
	}
	f, err := cfg.conv(cfg.Out, 1).layer(n, in)
	if err != nil {
		return nil, err
	}
	if n == 1 {
		return nn.NewSeparableConv1d(f.(*nn.Conv1d).Config, cfg.Multiplier), nil
	}
	return nn.NewSeparableConv2d(f.(*nn.Conv2d).Config, cfg.Multiplier), nil
}

// SeparableConv1d is nn.SeparableConv1d: [B C T] to [B Out T'].
type SeparableConv1d struct {
	Separable `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg SeparableConv1d) Validate() error { return convolution(cfg.layer).validate(1, 1) }

// Build makes the layer.
func (cfg SeparableConv1d) Build(x Operand) (Module, error) {
	return convolution(cfg.layer).build(1, x)
}

// SeparableConv2d is nn.SeparableConv2d: [B C Y X] to [B Out Y' X'].
type SeparableConv2d struct {
	Separable `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg SeparableConv2d) Validate() error { return convolution(cfg.layer).validate(2, 1) }

// Build makes the layer.
func (cfg SeparableConv2d) Build(x Operand) (Module, error) {
	return convolution(cfg.layer).build(2, x)
}

// ConvTranspose is what transposed convolutions have in common. Lists have one
// number for all axes or one for each, in the order Z, Y, X.
type ConvTranspose struct {
	Named         `yaml:",inline"`
	Out           int   `json:"out" yaml:"out"`                           // channels of the result
	Kernel        []int `json:"kernel" yaml:"kernel,one"`                 // taps
	Stride        []int `json:"stride" yaml:"stride,one"`                 // positions between what neighbours add to
	Padding       []int `json:"padding" yaml:"padding,one"`               // positions cut off at each side
	OutputPadding []int `json:"output_padding" yaml:"output_padding,one"` // positions more at the end
	Dilation      []int `json:"dilation" yaml:"dilation,one"`             // positions between taps
	Groups        int   `json:"groups" yaml:"groups"`                     // separate sets of channels
	Bias          bool  `json:"bias" yaml:"bias"`
	Initial       `yaml:",inline"`
}

// DefaultConvTranspose has stride 1, no padding, one group and a bias.
func DefaultConvTranspose() ConvTranspose {
	return ConvTranspose{Stride: []int{1}, Padding: []int{0}, OutputPadding: []int{0}, Dilation: []int{1}, Groups: 1, Bias: true}
}

// layer is nn.ConvTranspose1d, nn.ConvTranspose2d or nn.ConvTranspose3d.
func (cfg ConvTranspose) layer(n, in int) (nn.Forwarder, error) {
	s, err := axes(n, cfg.Kernel, cfg.Stride, cfg.Padding, cfg.Dilation, cfg.OutputPadding)
	if err != nil {
		return nil, err
	}
	switch n {
	case 1:
		c := nn.ConvTranspose1dConfig{In: in, Out: cfg.Out, Kernel: s.kernel[0], Stride: s.stride[0], Padding: s.padding[0],
			OutputPadding: s.output[0], Dilation: s.dilation[0], Groups: cfg.Groups, Bias: cfg.Bias}
		return c.Build(), c.Validate()
	case 2:
		c := nn.ConvTranspose2dConfig{In: in, Out: cfg.Out, Kernel: [2]int(s.kernel), Stride: [2]int(s.stride), Padding: [2]int(s.padding),
			OutputPadding: [2]int(s.output), Dilation: [2]int(s.dilation), Groups: cfg.Groups, Bias: cfg.Bias}
		return c.Build(), c.Validate()
	}
	c := nn.ConvTranspose3dConfig{In: in, Out: cfg.Out, Kernel: [3]int(s.kernel), Stride: [3]int(s.stride), Padding: [3]int(s.padding),
		OutputPadding: [3]int(s.output), Dilation: [3]int(s.dilation), Groups: cfg.Groups, Bias: cfg.Bias}
	return c.Build(), c.Validate()
}

// ConvTranspose1d is nn.ConvTranspose1d: [B C T] to [B Out T'].
type ConvTranspose1d struct {
	ConvTranspose `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg ConvTranspose1d) Validate() error { return convolution(cfg.layer).validate(1, cfg.Groups) }

// Build makes the layer.
func (cfg ConvTranspose1d) Build(x Operand) (Module, error) {
	return convolution(cfg.layer).build(1, x)
}

// ConvTranspose2d is nn.ConvTranspose2d: [B C Y X] to [B Out Y' X'].
type ConvTranspose2d struct {
	ConvTranspose `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg ConvTranspose2d) Validate() error { return convolution(cfg.layer).validate(2, cfg.Groups) }

// Build makes the layer.
func (cfg ConvTranspose2d) Build(x Operand) (Module, error) {
	return convolution(cfg.layer).build(2, x)
}

// ConvTranspose3d is nn.ConvTranspose3d: [B C Z Y X] to [B Out Z' Y' X'].
type ConvTranspose3d struct {
	ConvTranspose `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg ConvTranspose3d) Validate() error { return convolution(cfg.layer).validate(3, cfg.Groups) }

// Build makes the layer.
func (cfg ConvTranspose3d) Build(x Operand) (Module, error) {
	return convolution(cfg.layer).build(3, x)
}

// Last says which axis of a sequence has its channels.
type Last struct {
	ChannelsLast bool `json:"channels_last" yaml:"channels_last"` // sequences are [B T C], as those of recurrent layers; false for [B C T]
}

func (l Last) sequences() string {
	if l.ChannelsLast {
		return "sequences [B T C]"
	}
	return "sequences [B C T]"
}

// channels is the axis of channels of a sequence.
func (l Last) channels() int {
	if l.ChannelsLast {
		return 2
	}
	return 1
}

// module makes a module of a layer of sequences [B C T] or of images.
func (l Last) module(f nn.Forwarder, keep bool) (Module, error) {
	if l.ChannelsLast {
		return &plain{&swapped{f}, keep}, nil
	}
	return &plain{f, false}, nil
}

// swapped reads and gives sequences with channels last.
type swapped struct{ nn.Forwarder }

// Forward maps x [B T C].
func (s *swapped) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	return ops.SwapAxes(s.Forwarder.Forward(c, ops.SwapAxes(x, 1, 2)), 1, 2)
}
