package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// BatchNormOp normalises each channel of a batch by the batch's own mean and
// variance. Operands: x [B C ...] with the C channels on axis Axis, weight [C],
// bias [C]. Results: y of the type of x, mean [C] and var [C], the biased
// variance (the sum of squares divided by their number n):
//
//	mean = sum(x) / n,  var = sum((x - mean)^2) / n
//	y    = (x - mean) / sqrt(var + Eps) * weight + bias
//
// with sums over all axes but Axis. A channel of n equal elements gives bias.
// A channel of no element has mean and variance NaN. NaN and Inf in a channel
// make its y NaN; its mean may then be Inf or NaN.
//
// Source: Ioffe, Szegedy, "Batch normalization" (2015), algorithm 1; equal to
// torch.nn.functional.batch_norm with training=True.
type BatchNormOp struct {
	Axis int
	Eps  float64
}

// BatchNorm normalises x over all axes but one; a negative axis counts from
// the end. A weight of nil is 1, a bias of nil is 0. Mean and variance are
// float32 where x has 16 bits.
func BatchNorm(x, weight, bias *ir.Value, axis int, eps float64) (y, mean, variance *ir.Value) {
	op := BatchNormOp{fromStart(x, axis), eps}
	channels := shape.Shape{}
	if _, err := x.Shape().Axis(axis); err == nil {
		channels = shape.Of(x.Shape().Dim(axis))
	}
	if weight == nil {
		weight = Full(x.Graph(), x.DType(), channels, 1)
	}
	if bias == nil {
		bias = Full(x.Graph(), x.DType(), channels, 0)
	}
	out := applyWide(1, op, x, weight, bias)
	return out[0], out[1], out[2]
}

// Name is "batch_norm".
func (BatchNormOp) Name() string { return "batch_norm" }

// NumResults is 3.
func (BatchNormOp) NumResults() int { return 3 }

// Infer wants x, weight and bias.
func (op BatchNormOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 3); err != nil {
		return nil, err
	}
	if !(op.Eps >= 0) {
		return nil, fmt.Errorf("eps %v is negative", op.Eps)
	}
	channel, err := op.check(in[0], in[1:])
	if err != nil {
		return nil, err
	}
	return []ir.Type{in[0], channel, channel}, nil
}

// check says what is wrong with x or with the operands that have one element
// a channel, and returns the type of the latter.
func (op BatchNormOp) check(x ir.Type, perChannel []ir.Type) (channel ir.Type, err error) {
	if err := floating(x); err != nil {
		return channel, err
	}
	if op.Axis < 0 || op.Axis >= x.Shape.Rank() {
		return channel, fmt.Errorf("axis %d is outside a tensor of rank %d", op.Axis, x.Shape.Rank())
	}
	if x.Shape.Rank() < 2 {
		return channel, errors.New("wants an operand of rank 2 or more")
	}
	channel = ir.Type{DType: x.DType, Shape: shape.Of(x.Shape.Dim(op.Axis))}
	for _, t := range perChannel {
		if t != channel {
			return channel, fmt.Errorf("wants %v for the %d channels on axis %d, got %v", channel, x.Shape.Dim(op.Axis), op.Axis, t)
		}
	}
	return channel, nil
}

// Flops counts seven operations an element: sum, difference, square, its sum,
// difference, product, sum.
func (BatchNormOp) Flops(in, _ []ir.Type) int64 { return 7 * int64(in[0].Shape.Size()) }

// Transposed has the channels where they have moved to.
func (op BatchNormOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return BatchNormOp{moved(op.Axis, perm), op.Eps}, true
}

// others lists the axes that statistics are taken over, and counts the
// elements along them.
func (op BatchNormOp) others(s shape.Shape) (axes []int, n int) {
	n = 1
	for a := range s.Rank() {
		if a != op.Axis {
			axes = append(axes, a)
			n *= s.Dim(a)
		}
	}
	return axes, n
}

// spread gives v [C] the shape of x.
func (op BatchNormOp) spread(v, x *ir.Value) *ir.Value {
	return BroadcastInDim(v, x.Shape(), op.Axis)
}

// Expand is the formula, in two passes: the mean is subtracted before squares
// are taken, so that a large mean costs no precision.
func (op BatchNormOp) Expand(in []*ir.Value) []*ir.Value {
	x, weight, bias := in[0], in[1], in[2]
	axes, _ := op.others(x.Shape())
	mean := Mean(x, axes...)
	d := Sub(x, op.spread(mean, x))
	variance := Mean(Mul(d, d), axes...)
	scale := Mul(weight, op.rstd(variance))
	y := Add(Mul(d, op.spread(scale, x)), op.spread(bias, x))
	return []*ir.Value{y, mean, variance}
}

// rstd is 1/sqrt(var + eps).
func (op BatchNormOp) rstd(variance *ir.Value) *ir.Value {
	return Rsqrt(Add(variance, Scalar(variance, op.Eps)))
}

// Grad takes mean and variance from the forward pass. What reaches these two
// results flows on to x by itself.
func (op BatchNormOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	x, weight, mean, variance := in[0], in[1], out[1], out[2]
	_, n := op.others(x.Shape())
	grads := make([]*ir.Value, 3)
	if gout[0] != nil {
		copy(grads, ir.Apply(BatchNormGradOp(op), x, weight, mean, variance, gout[0]))
	}
	add := func(dx *ir.Value) {
		if grads[0] != nil {
			dx = Add(grads[0], dx)
		}
		grads[0] = dx
	}
	if g := gout[1]; g != nil { // dmean/dx = 1/n
		add(op.spread(Mul(g, Scalar(g, 1/float64(n))), x))
	}
	if g := gout[2]; g != nil { // dvar/dx = 2 (x - mean) / n
		d := Sub(x, op.spread(mean, x))
		add(Mul(d, op.spread(Mul(g, Scalar(g, 2/float64(n))), x)))
	}
	return grads
}

// BatchNormGradOp is the gradient of [BatchNormOp]. Of x, weight [C], mean [C],
// var [C] and dy, the gradient by y, it makes dx, dweight [C] and dbias [C]:
//
//	r = 1 / sqrt(var + Eps),  z = (x - mean) * r
//	dbias = sum(dy),  dweight = sum(dy * z)
//	dx = weight * r * (dy - dbias/n - z * dweight/n)
type BatchNormGradOp struct {
	Axis int
	Eps  float64
}

// Name is "batch_norm_grad".
func (BatchNormGradOp) Name() string { return "batch_norm_grad" }

// NumResults is 3.
func (BatchNormGradOp) NumResults() int { return 3 }

// Infer wants x, weight, mean, variance and the gradient by y.
func (op BatchNormGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 5); err != nil {
		return nil, err
	}
	channel, err := BatchNormOp(op).check(in[0], in[1:4])
	if err != nil {
		return nil, err
	}
	if in[4] != in[0] {
		return nil, fmt.Errorf("wants a gradient of the operand's type %v", in[0])
	}
	return []ir.Type{in[0], channel, channel}, nil
}

// Flops counts ten operations an element.
func (BatchNormGradOp) Flops(in, _ []ir.Type) int64 { return 10 * int64(in[0].Shape.Size()) }

// Transposed has the channels where they have moved to.
func (op BatchNormGradOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return BatchNormGradOp{moved(op.Axis, perm), op.Eps}, true
}

// Expand is the formula.
func (op BatchNormGradOp) Expand(in []*ir.Value) []*ir.Value {
	x, weight, mean, variance, dy := in[0], in[1], in[2], in[3], in[4]
	forward := BatchNormOp(op)
	axes, n := forward.others(x.Shape())
	spread := func(v *ir.Value) *ir.Value { return forward.spread(v, x) }
	r := forward.rstd(variance)
	z := Mul(Sub(x, spread(mean)), spread(r))
	dbias := Sum(dy, axes...)
	dweight := Sum(Mul(dy, z), axes...)
	per := Scalar(x, 1/float64(n))
	inner := Sub(Sub(dy, spread(Mul(dbias, per))), Mul(z, spread(Mul(dweight, per))))
	return []*ir.Value{Mul(inner, spread(Mul(weight, r))), dweight, dbias}
}
