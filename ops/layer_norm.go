package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// LayerNormOp normalises each row of the last Axes axes by its own mean and
// variance. Operands: x [... D] (D stands for those axes), then weight [D] and
// bias [D], of which the last or both may be absent. Results: y of the type of
// x, and for each row mean and rstd [...]:
//
//	mean = sum(x) / n,  rstd = 1 / sqrt(sum((x - mean)^2) / n + Eps)
//	y    = (x - mean) * rstd * weight + bias
//
// A row of n equal elements gives bias, unless Eps is 0: then NaN. NaN and Inf in
// a row make its y NaN; its mean may then be Inf or NaN.
//
// Source: Ba, Kiros, Hinton, "Layer normalization" (2016), equation 3; equal to
// torch.nn.functional.layer_norm.
type LayerNormOp struct {
	Axes int
	Eps  float64
}

// LayerNorm normalises x over its last axes; weight and bias, of the shape of
// those axes, may be nil.
func LayerNorm(x, weight, bias *ir.Value, axes int, eps float64) *ir.Value {
	in := []*ir.Value{x}
	if weight == nil && bias != nil {
		weight = OnesLike(bias)
	}
	if weight != nil {
		in = append(in, weight)
	}
	if bias != nil {
		in = append(in, bias)
	}
	return applyWide(1, LayerNormOp{axes, eps}, in...)[0]
}

// Name is "layer_norm".
func (LayerNormOp) Name() string { return "layer_norm" }

// NumResults is 3.
func (LayerNormOp) NumResults() int { return 3 }

// Infer wants x, and perhaps weight and bias.
func (op LayerNormOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if len(in) < 1 || len(in) > 3 {
		return nil, fmt.Errorf("wants 1 to 3 operands, got %d", len(in))
	}
	if !(op.Eps >= 0) {
		return nil, fmt.Errorf("eps %v is negative", op.Eps)
	}
	row, inner, err := splitRows(op.Axes, in[0])
	if err != nil {
		return nil, err
	}
	for _, t := range in[1:] {
		if t != inner {
			return nil, fmt.Errorf("wants weight and bias %v, the shape of the last %d axes, got %v", inner, op.Axes, t)
		}
	}
	return []ir.Type{in[0], row, row}, nil
}

// splitRows gives the types of what there is one of a row, and of one row,
// when the last axes of x make a row.
func splitRows(axes int, x ir.Type) (outer, inner ir.Type, err error) {
	if err := floating(x); err != nil {
		return outer, inner, err
	}
	if axes < 1 || axes > x.Shape.Rank() {
		return outer, inner, fmt.Errorf("can't take the last %d axes of a tensor of rank %d", axes, x.Shape.Rank())
	}
	dims := x.Shape.Dims()
	at := len(dims) - axes
	return ir.Type{DType: x.DType, Shape: shape.Of(dims[:at]...)}, ir.Type{DType: x.DType, Shape: shape.Of(dims[at:]...)}, nil
}

// Flops counts seven operations an element: sum, difference, square, its sum,
// two products, sum.
func (LayerNormOp) Flops(in, _ []ir.Type) int64 { return 7 * int64(in[0].Shape.Size()) }

// rowAxes lists the last n axes of a tensor of some rank, and the others.
func rowAxes(n, rank int) (outer, inner []int) {
	axes := allAxes(rank)
	return axes[:rank-n], axes[rank-n:]
}

// spreadRow repeats v, which has one element for each row of x, along the rows.
func spreadRow(v, x *ir.Value) *ir.Value {
	return BroadcastInDim(v, x.Shape(), allAxes(v.Rank())...)
}

// Expand is the formula, in two passes: the mean is subtracted before squares
// are taken, so that a large mean costs no precision.
func (op LayerNormOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	_, inner := rowAxes(op.Axes, x.Rank())
	mean := Mean(x, inner...)
	d := Sub(x, spreadRow(mean, x))
	variance := Mean(Mul(d, d), inner...)
	rstd := Rsqrt(Add(variance, Scalar(x, op.Eps)))
	y := Mul(d, spreadRow(rstd, x))
	if len(in) > 1 {
		y = Mul(y, in[1])
	}
	if len(in) > 2 {
		y = Add(y, in[2])
	}
	return []*ir.Value{y, mean, rstd}
}

// Grad takes mean and rstd from the forward pass. What reaches these two
// results flows on to x by itself.
func (op LayerNormOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	x, mean, rstd := in[0], out[1], out[2]
	_, row, _ := splitRows(op.Axes, x.Type())
	per := Scalar(x, 1/float64(row.Shape.Size()))
	grads := make([]*ir.Value, len(in))
	if gout[0] != nil {
		args := []*ir.Value{x, mean, rstd, gout[0]}
		if len(in) > 1 {
			args = []*ir.Value{x, in[1], mean, rstd, gout[0]}
		}
		copy(grads, ir.Apply(LayerNormGradOp{op.Axes, len(in) > 1}, args...))
	}
	add := func(dx *ir.Value) {
		if grads[0] != nil {
			dx = Add(grads[0], dx)
		}
		grads[0] = dx
	}
	if g := gout[1]; g != nil { // dmean/dx = 1/n
		add(spreadRow(Mul(g, per), x))
	}
	if g := gout[2]; g != nil { // drstd/dx = -rstd^3 (x - mean) / n
		cube := Mul(rstd, Mul(rstd, rstd))
		d := Sub(x, spreadRow(mean, x))
		add(Neg(Mul(d, spreadRow(Mul(Mul(g, cube), per), x))))
	}
	return grads
}

// LayerNormGradOp is the gradient of [LayerNormOp]. Of x, weight [D] if
// Weighted, mean [...], rstd [...] and dy, the gradient by y, it makes dx and,
// if Weighted, dweight [D] and dbias [D]:
//
//	z = (x - mean) * rstd,  u = dy * weight
//	dx = rstd * (u - sum(u)/n - z * sum(u*z)/n)
//	dweight = sum(dy * z),  dbias = sum(dy)
//
// with sums along the row in the second line, over all rows in the third.
type LayerNormGradOp struct {
	Axes     int
	Weighted bool
}

// Name is "layer_norm_grad".
func (LayerNormGradOp) Name() string { return "layer_norm_grad" }

// NumResults is 3 with a weight, 1 without.
func (op LayerNormGradOp) NumResults() int {
	if op.Weighted {
		return 3
	}
	return 1
}

// Infer wants x, perhaps weight, then mean, rstd and the gradient by y.
func (op LayerNormGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	want := 4
	if op.Weighted {
		want = 5
	}
	if err := operands(in, want); err != nil {
		return nil, err
	}
	row, inner, err := splitRows(op.Axes, in[0])
	if err != nil {
		return nil, err
	}
	if mean, rstd := in[want-3], in[want-2]; mean != row || rstd != row {
		return nil, fmt.Errorf("wants mean and rstd %v, one element a row", row)
	}
	if in[want-1] != in[0] {
		return nil, fmt.Errorf("wants a gradient of the operand's type %v", in[0])
	}
	if !op.Weighted {
		return in[:1], nil
	}
	if in[1] != inner {
		return nil, fmt.Errorf("wants weight %v, the shape of the last %d axes, got %v", inner, op.Axes, in[1])
	}
	return []ir.Type{in[0], inner, inner}, nil
}

// Flops counts twelve operations an element.
func (LayerNormGradOp) Flops(in, _ []ir.Type) int64 { return 12 * int64(in[0].Shape.Size()) }

// Expand is the formula.
func (op LayerNormGradOp) Expand(in []*ir.Value) []*ir.Value {
	x, mean, rstd, dy := in[0], in[len(in)-3], in[len(in)-2], in[len(in)-1]
	outer, inner := rowAxes(op.Axes, x.Rank())
	average := func(v *ir.Value) *ir.Value { return spreadRow(Mean(v, inner...), x) }
	z := Mul(Sub(x, spreadRow(mean, x)), spreadRow(rstd, x))
	u := dy
	if op.Weighted {
		u = Mul(dy, in[1])
	}
	dx := Mul(spreadRow(rstd, x), Sub(Sub(u, average(u)), Mul(z, average(Mul(u, z)))))
	if !op.Weighted {
		return []*ir.Value{dx}
	}
	dweight, dbias := Mul(dy, z), dy
	if len(outer) > 0 { // Sum over no axis named would be over all
		dweight, dbias = Sum(dweight, outer...), Sum(dbias, outer...)
	}
	return []*ir.Value{dx, dweight, dbias}
}
