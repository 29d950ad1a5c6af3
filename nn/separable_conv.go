package nn

import "github.com/gradus-ml/gradus/ir"

// SeparableConv2d convolves each channel by itself, and then mixes channels: a
// depthwise convolution with Multiplier results a channel and no bias, and one
// of a single tap.
// x [B In Y X], y [B Out Y' X'] as of [Conv2d].
//
// Source: keras.layers.SeparableConv2D; Chollet, "Xception" (2016), section 2.
type SeparableConv2d struct{ Depthwise, Pointwise *Conv2d }

// NewSeparableConv2d takes kernel, stride, padding and dilation from cfg, whose
// groups must be 1.
func NewSeparableConv2d(cfg Conv2dConfig, multiplier int) *SeparableConv2d {
	point := DefaultConv2d(cfg.In*multiplier, cfg.Out, 1)
	point.Bias = cfg.Bias
	cfg.Out, cfg.Groups, cfg.Bias = cfg.In*multiplier, cfg.In*cfg.Groups, false
	return &SeparableConv2d{cfg.Build(), point.Build()}
}

// Forward convolves x [B In Y X].
func (l *SeparableConv2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.Pointwise.Forward(c, l.Depthwise.Forward(c, x))
}

// SeparableConv1d is [SeparableConv2d] for sequences: x [B In T], y [B Out T'].
//
// Source: keras.layers.SeparableConv1D.
type SeparableConv1d struct{ Depthwise, Pointwise *Conv1d }

// NewSeparableConv1d takes kernel, stride, padding and dilation from cfg, whose
// groups must be 1.
func NewSeparableConv1d(cfg Conv1dConfig, multiplier int) *SeparableConv1d {
	point := DefaultConv1d(cfg.In*multiplier, cfg.Out, 1)
	point.Bias = cfg.Bias
	cfg.Out, cfg.Groups, cfg.Bias = cfg.In*multiplier, cfg.In*cfg.Groups, false
	return &SeparableConv1d{cfg.Build(), point.Build()}
}

// Forward convolves x [B In T].
func (l *SeparableConv1d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.Pointwise.Forward(c, l.Depthwise.Forward(c, x))
}
