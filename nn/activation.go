package nn

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// The activations as modules, for [Sequential]. In a Forward of one's own the
// functions of package ops are shorter. Formula and source stand there.

// ReLU is max(x, 0).
type ReLU struct{}

// ReLU6 is x limited to 0..6.
type ReLU6 struct{}

// LeakyReLU is x where x > 0, Slope*x elsewhere; PyTorch's default is 0.01.
type LeakyReLU struct{ Slope float64 }

// ELU is x where x > 0, Alpha*(e^x - 1) elsewhere; PyTorch's default is 1.
type ELU struct{ Alpha float64 }

// SELU is the self-normalising ELU.
type SELU struct{}

// GELU is x times the probability that a standard normal number is below x.
type GELU struct{ Tanh bool } // Tanh takes the approximation by tanh

// SiLU is x * sigmoid(x).
type SiLU struct{}

// Mish is x * tanh(log(1 + e^x)).
type Mish struct{}

// Softplus is log(1 + e^(Beta x)) / Beta; PyTorch's defaults are 1 and 20.
type Softplus struct{ Beta, Threshold float64 }

// Hardswish is x * (x/6 + 1/2 limited to 0..1).
type Hardswish struct{}

// Tanh is the hyperbolic tangent.
type Tanh struct{}

// Sigmoid is 1/(1 + e^-x).
type Sigmoid struct{}

// Softmax is e^x over the sum of e^x along an axis.
type Softmax struct{ Axis int }

// LogSoftmax is the logarithm of [Softmax].
type LogSoftmax struct{ Axis int }

// CELU is x where x > 0, Alpha*(e^(x/Alpha) - 1) elsewhere; PyTorch's default is 1.
type CELU struct{ Alpha float64 }

// Hardshrink is x where |x| > Lambd, 0 elsewhere; PyTorch's default is 0.5.
type Hardshrink struct{ Lambd float64 }

// Hardsigmoid is x/6 + 1/2 limited to 0..1.
type Hardsigmoid struct{}

// Hardtanh is x limited to MinVal..MaxVal; PyTorch's defaults are -1 and 1.
type Hardtanh struct{ MinVal, MaxVal float64 }

// LogSigmoid is the logarithm of [Sigmoid].
type LogSigmoid struct{}

// Softshrink is x moved towards 0 by Lambd, and 0 where |x| <= Lambd; PyTorch's
// default is 0.5.
type Softshrink struct{ Lambd float64 }

// Softsign is x / (1 + |x|).
type Softsign struct{}

// Tanhshrink is x - tanh(x).
type Tanhshrink struct{}

// Threshold is x where x > Threshold, Value elsewhere.
type Threshold struct{ Threshold, Value float64 }

// Softmin is [Softmax] of -x.
type Softmin struct{ Axis int }

// Softmax2d is [Softmax] over the channels of each pixel of images [B C Y X].
type Softmax2d struct{}

// PReLU is x where x > 0, weight*x elsewhere, with a weight that is trained:
// one for all, or one for each channel on axis 1. It starts at 0.25.
type PReLU struct{ Weight *Param }

// NewPReLU has n weights: 1, or the number of channels.
func NewPReLU(n int) *PReLU { return &PReLU{newParam(Constant(0.25), max(n, 1))} }

// Forward applies the function.
func (l *ReLU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.ReLU(x)
}

// Forward applies the function.
func (l *ReLU6) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.ReLU6(x)
}

// Forward applies the function.
func (l *LeakyReLU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.LeakyReLU(x, l.Slope)
}

// Forward applies the function.
func (l *ELU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.ELU(x, l.Alpha)
}

// Forward applies the function.
func (l *SELU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.SELU(x)
}

// Forward applies the function.
func (l *GELU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.Tanh {
		return ops.GELUTanh(x)
	}
	return ops.GELU(x)
}

// Forward applies the function.
func (l *SiLU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.SiLU(x)
}

// Forward applies the function.
func (l *Mish) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Mish(x)
}

// Forward applies the function.
func (l *Softplus) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Softplus(x, l.Beta, l.Threshold)
}

// Forward applies the function.
func (l *Hardswish) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Hardswish(x)
}

// Forward applies the function.
func (l *Tanh) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Tanh(x)
}

// Forward applies the function.
func (l *Sigmoid) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Sigmoid(x)
}

// Forward applies the function.
func (l *Softmax) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Softmax(x, l.Axis)
}

// Forward applies the function.
func (l *LogSoftmax) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.LogSoftmax(x, l.Axis)
}

// Forward applies the function.
func (l *PReLU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.PReLU(x, c.Param(l.Weight))
}

// Forward applies the function.
func (l *CELU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.CELU(x, l.Alpha)
}

// Forward applies the function.
func (l *Hardshrink) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Hardshrink(x, l.Lambd)
}

// Forward applies the function.
func (l *Hardsigmoid) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Hardsigmoid(x)
}

// Forward applies the function.
func (l *Hardtanh) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Hardtanh(x, l.MinVal, l.MaxVal)
}

// Forward applies the function.
func (l *LogSigmoid) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.LogSigmoid(x)
}

// Forward applies the function.
func (l *Softshrink) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Softshrink(x, l.Lambd)
}

// Forward applies the function.
func (l *Softsign) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Softsign(x)
}

// Forward applies the function.
func (l *Tanhshrink) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Tanhshrink(x)
}

// Forward applies the function.
func (l *Threshold) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Threshold(x, l.Threshold, l.Value)
}

// Forward applies the function.
func (l *Softmin) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Softmax(ops.Neg(x), l.Axis)
}

// Forward applies the function.
func (l *Softmax2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "softmax2d", nil, x, 2) {
		return x
	}
	return ops.Softmax(x, 1)
}
