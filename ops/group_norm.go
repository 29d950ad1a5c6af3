package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// GroupNormOp normalises each group of neighbouring channels of each sample by
// its own mean and variance. Operands: x [B C ...] with the C channels on axis
// Axis, which is not the first; weight [C], bias [C]. Results: y of the type of
// x, and for each sample and group mean [B Groups] and var [B Groups], the
// biased variance (the sum of squares divided by their number n):
//
//	mean = sum(x) / n,  var = sum((x - mean)^2) / n
//	y    = (x - mean) / sqrt(var + Eps) * weight + bias
//
// with sums over the C/Groups channels of a group and all axes but the first. A
// group of n equal elements gives bias, unless Eps is 0: then NaN. A group of no
// element has mean and variance NaN. NaN and Inf in a group make its y NaN; its
// mean may then be Inf or NaN.
//
// Source: Wu, He, "Group normalization" (2018); equal to
// torch.nn.functional.group_norm, and with Groups of C to instance_norm.
type GroupNormOp struct {
	Groups, Axis int
	Eps          float64
}

// GroupNorm normalises groups of channels of x [B C ...]. A weight of nil is 1,
// a bias of nil is 0. Where x has 16 bits, mean and variance are float32.
func GroupNorm(x, weight, bias *ir.Value, groups int, eps float64) (y, mean, variance *ir.Value) {
	channels := shape.Shape{}
	if x.Rank() > 1 {
		channels = shape.Of(x.Dim(1))
	}
	if weight == nil {
		weight = Full(x.Graph(), x.DType(), channels, 1)
	}
	if bias == nil {
		bias = Full(x.Graph(), x.DType(), channels, 0)
	}
	out := applyWide(1, GroupNormOp{groups, 1, eps}, x, weight, bias)
	return out[0], out[1], out[2]
}

// Name is "group_norm".
func (GroupNormOp) Name() string { return "group_norm" }

// NumResults is 3.
func (GroupNormOp) NumResults() int { return 3 }

// Infer wants x, weight and bias.
func (op GroupNormOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 3); err != nil {
		return nil, err
	}
	group, err := op.check(in[0], in[1:])
	if err != nil {
		return nil, err
	}
	return []ir.Type{in[0], group, group}, nil
}

// check says what is wrong with attributes, x or the operands that have one
// element a channel, and returns the type of what has one a group.
func (op GroupNormOp) check(x ir.Type, perChannel []ir.Type) (group ir.Type, err error) {
	if err := floating(x); err != nil {
		return group, err
	}
	rank := x.Shape.Rank()
	if rank < 2 {
		return group, errors.New("wants an operand [B C ...]")
	}
	if op.Axis < 1 || op.Axis >= rank {
		return group, fmt.Errorf("axis %d can't hold the channels of a tensor of rank %d", op.Axis, rank)
	}
	if !(op.Eps >= 0) {
		return group, fmt.Errorf("eps %v is negative", op.Eps)
	}
	c := x.Shape.Dim(op.Axis)
	if op.Groups < 1 || c%op.Groups != 0 {
		return group, fmt.Errorf("%d channels do not divide in %d groups", c, op.Groups)
	}
	for _, t := range perChannel {
		if want := (ir.Type{DType: x.DType, Shape: shape.Of(c)}); t != want {
			return group, fmt.Errorf("wants %v for the %d channels on axis %d, got %v", want, c, op.Axis, t)
		}
	}
	return ir.Type{DType: x.DType, Shape: shape.Of(x.Shape.Dim(0), op.Groups)}, nil
}

// Flops counts seven operations an element: sum, difference, square, its sum,
// difference, product, sum.
func (GroupNormOp) Flops(in, _ []ir.Type) int64 { return 7 * int64(in[0].Shape.Size()) }

// Transposed has the channels where they have moved to; samples stay first.
func (op GroupNormOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return GroupNormOp{op.Groups, moved(op.Axis, perm), op.Eps}, perm[0] == 0
}

// split gives x an axis of groups before that of the channels of one group.
func (op GroupNormOp) split(x *ir.Value) *ir.Value {
	dims := x.Shape().Dims()
	c := dims[op.Axis]
	return Reshape(x, append(append(append([]int(nil), dims[:op.Axis]...), op.Groups, c/op.Groups), dims[op.Axis+1:]...)...)
}

// within lists the axes of a split value that a group extends over, and counts
// the elements of a group.
func (op GroupNormOp) within(split shape.Shape) (axes []int, n int) {
	n = 1
	for a := 1; a < split.Rank(); a++ {
		if a != op.Axis {
			axes = append(axes, a)
			n *= split.Dim(a)
		}
	}
	return axes, n
}

// spread gives v [B Groups] the shape of a split value.
func (op GroupNormOp) spread(v, split *ir.Value) *ir.Value {
	return BroadcastInDim(v, split.Shape(), 0, op.Axis)
}

// Expand is the formula, in two passes: the mean is subtracted before squares
// are taken, so that a large mean costs no precision.
func (op GroupNormOp) Expand(in []*ir.Value) []*ir.Value {
	x, weight, bias := in[0], in[1], in[2]
	split := op.split(x)
	axes, _ := op.within(split.Shape())
	mean := Mean(split, axes...)
	d := Sub(split, op.spread(mean, split))
	variance := Mean(Mul(d, d), axes...)
	z := Reshape(Mul(d, op.spread(op.rstd(variance), split)), x.Shape().Dims()...)
	channel := func(v *ir.Value) *ir.Value { return BroadcastInDim(v, x.Shape(), op.Axis) }
	return []*ir.Value{Add(Mul(z, channel(weight)), channel(bias)), mean, variance}
}

// rstd is 1/sqrt(var + eps).
func (op GroupNormOp) rstd(variance *ir.Value) *ir.Value {
	return Rsqrt(Add(variance, Scalar(variance, op.Eps)))
}

// Grad takes mean and variance from the forward pass. What reaches these two
// results flows on to x by itself.
func (op GroupNormOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	x, weight, mean, variance := in[0], in[1], out[1], out[2]
	grads := make([]*ir.Value, 3)
	if gout[0] != nil {
		copy(grads, ir.Apply(GroupNormGradOp(op), x, weight, mean, variance, gout[0]))
	}
	split := op.split(x)
	_, n := op.within(split.Shape())
	add := func(dx *ir.Value) {
		dx = Reshape(dx, x.Shape().Dims()...)
		if grads[0] != nil {
			dx = Add(grads[0], dx)
		}
		grads[0] = dx
	}
	if g := gout[1]; g != nil { // dmean/dx = 1/n
		add(op.spread(Mul(g, Scalar(g, 1/float64(n))), split))
	}
	if g := gout[2]; g != nil { // dvar/dx = 2 (x - mean) / n
		d := Sub(split, op.spread(mean, split))
		add(Mul(d, op.spread(Mul(g, Scalar(g, 2/float64(n))), split)))
	}
	return grads
}

// GroupNormGradOp is the gradient of [GroupNormOp]. Of x, weight [C],
// mean [B Groups], var [B Groups] and dy, the gradient by y, it makes dx,
// dweight [C] and dbias [C]:
//
//	r = 1 / sqrt(var + Eps),  z = (x - mean) * r,  u = dy * weight
//	dx = r * (u - sum(u)/n - z * sum(u*z)/n)
//	dweight = sum(dy * z),  dbias = sum(dy)
//
// with sums over the group in the second line, over all but the channel in the
// third.
type GroupNormGradOp struct {
	Groups, Axis int
	Eps          float64
}

// Name is "group_norm_grad".
func (GroupNormGradOp) Name() string { return "group_norm_grad" }

// NumResults is 3.
func (GroupNormGradOp) NumResults() int { return 3 }

// Infer wants x, weight, mean, variance and the gradient by y.
func (op GroupNormGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 5); err != nil {
		return nil, err
	}
	group, err := GroupNormOp(op).check(in[0], in[1:2])
	if err != nil {
		return nil, err
	}
	if in[2] != group || in[3] != group {
		return nil, fmt.Errorf("wants mean and variance %v, one element for each sample and group", group)
	}
	if in[4] != in[0] {
		return nil, fmt.Errorf("wants a gradient of the operand's type %v", in[0])
	}
	return []ir.Type{in[0], in[1], in[1]}, nil
}

// Flops counts twelve operations an element.
func (GroupNormGradOp) Flops(in, _ []ir.Type) int64 { return 12 * int64(in[0].Shape.Size()) }

// Transposed has the channels where they have moved to; samples stay first.
func (op GroupNormGradOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return GroupNormGradOp{op.Groups, moved(op.Axis, perm), op.Eps}, perm[0] == 0
}

// Expand is the formula.
func (op GroupNormGradOp) Expand(in []*ir.Value) []*ir.Value {
	x, weight, mean, variance, dy := in[0], in[1], in[2], in[3], in[4]
	forward := GroupNormOp(op)
	split := forward.split(x)
	axes, _ := forward.within(split.Shape())
	spread := func(v *ir.Value) *ir.Value { return forward.spread(v, split) }
	r := spread(forward.rstd(variance))
	z := Mul(Sub(split, spread(mean)), r)
	u := forward.split(Mul(dy, BroadcastInDim(weight, x.Shape(), op.Axis)))
	average := func(v *ir.Value) *ir.Value { return spread(Mean(v, axes...)) }
	dx := Mul(r, Sub(Sub(u, average(u)), Mul(z, average(Mul(u, z)))))
	back := func(v *ir.Value) *ir.Value { return Reshape(v, x.Shape().Dims()...) }
	others, _ := BatchNormOp{Axis: op.Axis}.others(x.Shape())
	return []*ir.Value{back(dx), Sum(Mul(dy, back(z)), others...), Sum(dy, others...)}
}
