package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// RMSNormOp divides each row of the last Axes axes by the root of the mean of
// its squares. Operands: x [... D] (D stands for those axes), then perhaps
// weight [D]. Results: y of the type of x, and for each row rstd [...]:
//
//	rstd = 1 / sqrt(sum(x^2) / n + Eps)
//	y    = x * rstd * weight
//
// A row of zeros gives zeros, unless Eps is 0: then NaN. NaN and Inf in a row
// make its y NaN at their places; its other elements become NaN, or 0 for Inf.
//
// Source: Zhang, Sennrich, "Root mean square layer normalization" (2019),
// equation 4; equal to torch.nn.functional.rms_norm.
type RMSNormOp struct {
	Axes int
	Eps  float64
}

// RMSNorm normalises x over its last axes; weight, of the shape of those axes,
// may be nil.
func RMSNorm(x, weight *ir.Value, axes int, eps float64) *ir.Value {
	in := []*ir.Value{x}
	if weight != nil {
		in = append(in, weight)
	}
	return applyWide(1, RMSNormOp{axes, eps}, in...)[0]
}

// Name is "rms_norm".
func (RMSNormOp) Name() string { return "rms_norm" }

// NumResults is 2.
func (RMSNormOp) NumResults() int { return 2 }

// Infer wants x, and perhaps weight.
func (op RMSNormOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if len(in) < 1 || len(in) > 2 {
		return nil, fmt.Errorf("wants 1 or 2 operands, got %d", len(in))
	}
	if !(op.Eps >= 0) {
		return nil, fmt.Errorf("eps %v is negative", op.Eps)
	}
	row, inner, err := splitRows(op.Axes, in[0])
	if err != nil {
		return nil, err
	}
	if len(in) > 1 && in[1] != inner {
		return nil, fmt.Errorf("wants weight %v, the shape of the last %d axes, got %v", inner, op.Axes, in[1])
	}
	return []ir.Type{in[0], row}, nil
}

// Flops counts four operations an element: square, its sum, two products.
func (RMSNormOp) Flops(in, _ []ir.Type) int64 { return 4 * int64(in[0].Shape.Size()) }

// Expand is the formula.
func (op RMSNormOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	_, inner := rowAxes(op.Axes, x.Rank())
	rstd := Rsqrt(Add(Mean(Mul(x, x), inner...), Scalar(x, op.Eps)))
	y := Mul(x, spreadRow(rstd, x))
	if len(in) > 1 {
		y = Mul(y, in[1])
	}
	return []*ir.Value{y, rstd}
}

// Grad takes rstd from the forward pass. What reaches rstd itself flows on to x.
func (op RMSNormOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	x, rstd := in[0], out[1]
	grads := make([]*ir.Value, len(in))
	if gout[0] != nil {
		args := append(append([]*ir.Value(nil), in...), rstd, gout[0])
		copy(grads, ir.Apply(RMSNormGradOp{op.Axes, len(in) > 1}, args...))
	}
	if g := gout[1]; g != nil { // drstd/dx = -rstd^3 x / n
		_, row, _ := splitRows(op.Axes, x.Type())
		cube := Mul(rstd, Mul(rstd, rstd))
		dx := Mul(x, spreadRow(Mul(Mul(g, cube), Scalar(x, -1/float64(row.Shape.Size()))), x))
		if grads[0] != nil {
			dx = Add(grads[0], dx)
		}
		grads[0] = dx
	}
	return grads
}

// RMSNormGradOp is the gradient of [RMSNormOp]. Of x, weight [D] if Weighted,
// rstd [...] and dy, the gradient by y, it makes dx and, if Weighted, dweight
// [D]:
//
//	z = x * rstd,  u = dy * weight
//	dx = rstd * (u - z * sum(u*z)/n)
//	dweight = sum(dy * z)
//
// with the sum along the row in the second line, over all rows in the third.
type RMSNormGradOp struct {
	Axes     int
	Weighted bool
}

// Name is "rms_norm_grad".
func (RMSNormGradOp) Name() string { return "rms_norm_grad" }

// NumResults is 2 with a weight, 1 without.
func (op RMSNormGradOp) NumResults() int {
	if op.Weighted {
		return 2
	}
	return 1
}

// Infer wants x, perhaps weight, then rstd and the gradient by y.
func (op RMSNormGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	want := 3
	if op.Weighted {
		want = 4
	}
	if err := operands(in, want); err != nil {
		return nil, err
	}
	row, inner, err := splitRows(op.Axes, in[0])
	if err != nil {
		return nil, err
	}
	if in[want-2] != row {
		return nil, fmt.Errorf("wants rstd %v, one element a row", row)
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
	return []ir.Type{in[0], inner}, nil
}

// Flops counts nine operations an element.
func (RMSNormGradOp) Flops(in, _ []ir.Type) int64 { return 9 * int64(in[0].Shape.Size()) }

// Expand is the formula.
func (op RMSNormGradOp) Expand(in []*ir.Value) []*ir.Value {
	x, rstd, dy := in[0], in[len(in)-2], in[len(in)-1]
	outer, inner := rowAxes(op.Axes, x.Rank())
	z := Mul(x, spreadRow(rstd, x))
	u := dy
	if op.Weighted {
		u = Mul(dy, in[1])
	}
	dx := Mul(spreadRow(rstd, x), Sub(u, Mul(z, spreadRow(Mean(Mul(u, z), inner...), x))))
	if !op.Weighted {
		return []*ir.Value{dx}
	}
	dweight := Mul(dy, z)
	if len(outer) > 0 { // Sum over no axis named would be over all
		dweight = Sum(dweight, outer...)
	}
	return []*ir.Value{dx, dweight}
}
